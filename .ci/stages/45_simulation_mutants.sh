# Proves that the simulation's checkers see: sources broken on purpose must fail within some seeds.
set -eu
npm run --silent mutants -- --quick --seeds 20

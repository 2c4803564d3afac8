# Ensembles under faults in virtual time, on Node 20; ends with the table of what was covered.
set -eu
npm run --silent simulate -- --seeds 1000

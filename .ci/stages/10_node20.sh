# Everything that `npm run ok` checks, on Node 20.
set -eu
npm run --silent ok -- --names "$1/node20.names"

# kill -9 under writes, on Node 20.
set -eu
npm run --silent test -- test/crash

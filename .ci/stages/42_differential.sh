# The same operations on Apache ZooKeeper and here, on Node 20.
set -eu
npm run --silent test -- test/differential

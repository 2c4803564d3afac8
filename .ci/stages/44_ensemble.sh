# Ensembles of Zookit, alone, with strangers on the peer ports, and with Apache's servers: Node 20.
set -eu
npm run --silent test -- test/zab/ensemble test/zab/hostile test/zab/interop

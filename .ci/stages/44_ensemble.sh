# Ensembles of Zookit alone, and together with Apache's servers, on Node 20.
set -eu
npm run --silent test -- test/zab/ensemble test/zab/interop

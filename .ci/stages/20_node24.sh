# Tests and examples on Node 24.
set -eu
. .ci/paths.sh
"$node24" tools/ok.ts --running --names "$1/node24.names"

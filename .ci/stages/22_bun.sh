# Tests and examples on Bun.
set -eu
. .ci/paths.sh
"$bun" tools/ok.ts --running --names "$1/bun.names"

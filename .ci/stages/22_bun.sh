# Tests and examples on Bun.
set -eu
. .ci/runtimes/paths.sh
"$bun" tools/ok.ts --running --names "$1/bun.names"

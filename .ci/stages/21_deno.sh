# Tests and examples on Deno.
set -eu
. .ci/runtimes/paths.sh
"$deno" run -A tools/ok.ts --running --names "$1/deno.names"

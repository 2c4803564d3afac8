# Tests and examples on Deno.
set -eu
. .ci/paths.sh
"$deno" run -A tools/ok.ts --running --names "$1/deno.names"

# What JSR would take: types, slow types, and the files of the package; a warning is a failure.
set -eu
. .ci/paths.sh
log=$1/jsr.log
NO_COLOR=1 "$deno" publish --dry-run >"$log" 2>&1 || { cat "$log"; exit 1; }
tail -n 1 "$log"
if grep -A 4 '^warning' "$log"; then exit 1; fi

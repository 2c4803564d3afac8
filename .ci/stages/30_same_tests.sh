# The same tests ran on every runtime.
set -eu
npx tsx tools/compare_names.ts \
  "$1/node20.names" "$1/node24.names" "$1/deno.names" "$1/bun.names"

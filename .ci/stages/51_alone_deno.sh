# Deno with nothing else in PATH: its own installer, its own SQLite.
set -eu
work=$1
. .ci/paths.sh
. .ci/clone.sh
alone deno "$deno"
PATH=$path deno install --prod --quiet
PATH=$path deno run -A .ci/serve_alone.ts

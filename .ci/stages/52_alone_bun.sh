# Bun with nothing else in PATH: its own installer, its own SQLite.
set -eu
work=$1
. .ci/paths.sh
. .ci/clone.sh
alone bun "$bun"
PATH=$path bun install --production
PATH=$path bun .ci/serve_alone.ts

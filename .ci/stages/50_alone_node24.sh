# Node 24 with nothing else in PATH: installs without the development packages and without the
# binding that needs a compiler, and serves on its own SQLite.
set -eu
work=$1
. .ci/paths.sh
. .ci/clone.sh
alone node "$node24"
PATH=$path node "$npm_cli" ci --omit=dev --omit=optional --no-audit --no-fund
PATH=$path node .ci/serve_alone.ts

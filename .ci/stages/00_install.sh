# Installs what the other stages need: Debian's ZooKeeper and its clients, a browser, a compiler for
# the SQLite binding, the packages of this project, and the other runtimes.
set -eu
. .ci/paths.sh

debian="zookeeper zookeeper-bin libzookeeper-java python3-kazoo python3-pure-sasl chromium"
debian+=" g++ make python3"
missing=
for package in $debian; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=" $package"
done
if [ -n "$missing" ]; then
  apt-get update -q
  # shellcheck disable=SC2086 # One word for each package.
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

# Compiling needs Node's own headers; where they are installed, nothing is fetched for it.
headers=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
[ -e "$headers/include/node/node_api.h" ] && export npm_config_nodedir=$headers

# The one compilation of the SQLite binding in a run; no look for a binary built by others.
npm_config_build_from_source=true npm ci --no-audit --no-fund
(cd .ci/runtimes && npm ci --no-audit --no-fund --ignore-scripts)

# Clients that only the interop tests use; one of them is compiled.
(cd test/interop && npm ci --no-audit --no-fund)

# Later installations from the packed tarball take this binding instead of compiling it again.
version=$(node -p 'require("sqlite3/package.json").version')
mkdir "$1/prebuilds"
tar -czf "$1/prebuilds/sqlite3-v$version-napi-v6-linux-x64.tar.gz" \
  -C node_modules/sqlite3 build/Release/node_sqlite3.node

node --version
"$node24" --version
"$deno" --version
echo "bun $("$bun" --version)"

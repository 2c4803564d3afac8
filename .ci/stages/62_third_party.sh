# Each plugin in examples/third_party_* as a stranger would write it: a package of its own that
# depends on the packed tarball alone, installed and tested on Node 24, which reads TypeScript.
set -eu
work=$1
. .ci/paths.sh
tarball=$(ls "$work"/zookit-*.tgz)
for folder in examples/third_party_*/; do
  name=$(basename "$folder")
  cp -r "$folder" "$work/$name"
  (
    cd "$work/$name"
    export PATH=$(dirname "$node24"):$PATH
    npm_config_sqlite3_local_prebuilds=$work/prebuilds npm install --no-audit --no-fund "$tarball"
    npm test
  )
done

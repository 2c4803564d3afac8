# The package as npm would publish it: its manifest and types, then in an empty project: every
# entry point imports, and the command serves, on Node 20.
set -eu
work=$1
root=$PWD
npm pack --silent --pack-destination "$work"
tarball=$(ls "$work"/zookit-*.tgz)
npx publint run "$tarball" --strict
npx attw "$tarball" --profile esm-only --no-emoji --no-color

mkdir "$work/application"
(
  cd "$work/application"
  echo '{ "private": true, "type": "module" }' >package.json
  npm_config_sqlite3_local_prebuilds=$work/prebuilds npm install --no-audit --no-fund "$tarball"
  cp "$root/.ci/import_all.mjs" .
  node import_all.mjs
)
npx tsx .ci/serve_alone.ts "$work/application/node_modules/zookit/bin/zookit.js"

# The package as npm would publish it: its manifest and types, then in an empty project: every
# entry point imports, TCP passes its suite and the command serves, on Node 20; the README's main.ts
# has no type error and serves, on Node 24.
set -eu
work=$1
root=$PWD
. .ci/paths.sh
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
  cp "$root/.ci/package_fan_out.mjs" .
  node --test --test-force-exit package_fan_out.mjs
  # What the one file of the command starts.
  test -f node_modules/zookit/dist/cli/fan_out_worker.js
)
npx tsx .ci/serve_alone.ts "$work/application/node_modules/zookit/bin/zookit.js"

# The first block of TypeScript in the README.
awk '/^```ts/ { inside = 1; next } /^```/ && inside { exit } inside' README.md \
  >"$work/application/main.ts"
npx tsc --ignoreConfig --noEmit --strict --target es2023 --module nodenext \
  --typeRoots "$root/node_modules/@types" --types node "$work/application/main.ts"
ZOOKIT_DATA=$work/application/data ZOOKIT_PORT=0 \
  "$node24" .ci/serve_alone.ts "$work/application/main.ts"

# The README's first two commands, on Node 20, where `npm ci` has been run: one ends with a running
# server (here on a free port), the other passes all tests.
set -eu
block() {
  awk -v wanted="$1" '/^```/ { inside = /^```sh/ && ++count == wanted; next } inside' README.md
}
[ "$(block 1)" = "npm ci && node bin/zookit.js serve" ]
[ "$(block 2)" = "npm ci && npm test" ]
npx tsx .ci/serve_alone.ts bin/zookit.js
npm test

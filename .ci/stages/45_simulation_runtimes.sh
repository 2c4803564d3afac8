# The same seeds give the same traces on all four runtimes.
set -eu
. .ci/paths.sh
first=
for command in "node --import tsx" "$node24" "$deno run -A" "$bun"; do
  hash=$($command simulation/seeds/run.ts --seeds 20 --jobs 1 | grep '^hash of seeds')
  printf '%s\n    %s\n' "$command" "$hash"
  [ "${first:=$hash}" = "$hash" ]
done
echo "4 passed, 0 failed"

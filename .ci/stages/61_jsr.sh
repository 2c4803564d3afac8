# What JSR would take: types, slow types, and the files of the package.
set -eu
. .ci/paths.sh
"$deno" publish --dry-run

# Sourced by stages in the root of the clone.
# copy_sources FOLDER: what a fresh clone holds, without anything installed or built.
copy_sources() {
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard |
    tar -c --null --ignore-failed-read -T - | tar -x -C "$1"
}
# alone NAME PROGRAM: makes the folder $work/alone-NAME a clone, and $path a PATH that holds nothing
# but PROGRAM as NAME.
alone() {
  copy_sources "$work/alone-$1"
  path=$work/alone-$1-bin
  mkdir "$path"
  ln -s "$2" "$path/$1"
  cd "$work/alone-$1"
}

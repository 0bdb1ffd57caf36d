#!/bin/sh
# Installs this release beside those that are there, and makes it the current one. Nothing is downloaded, and nothing outside of --to is written.
set -eu

usage() {
  echo 'Usage: sh install.sh --to <folder> [--back]

  --to    gets releases/<name>, and the link current, which is what a service runs: <folder>/current/tributary
  --back  makes the release current that was so before; nothing is installed

Exit codes: 0 done, 1 it could not be, 2 wrong usage.'
}

to=
back=
while [ $# -gt 0 ]; do
  case $1 in
    --to) [ $# -gt 1 ] || { usage >&2; exit 2; }; to=$2; shift ;;
    --back) back=yes ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[ -n "$to" ] || { usage >&2; exit 2; }

# A link is put in another's place at once: there is no moment without one.
point() {
  ln -s "$2" "$to/$1.new.$$"
  mv -T "$to/$1.new.$$" "$to/$1"
}

if [ -n "$back" ]; then
  [ -L "$to/previous" ] || { echo "There is no release before the current one in $to." >&2; exit 1; }
  before=$(readlink "$to/previous")
  [ -d "$to/$before" ] || { echo "$to/$before is not there any more." >&2; exit 1; }
  current=$(readlink "$to/current")
  point current "$before"
  point previous "$current"
  echo "Current is ${before#releases/}; restart the service. Before it was ${current#releases/}."
  exit 0
fi

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
name=$(cat "$here/RELEASE")
(cd "$here" && sha256sum --check --quiet --strict SHA256SUMS) ||
  { echo 'Some of it is not what was bundled: get the archive anew.' >&2; exit 1; }

mkdir -p "$to/releases"
if [ ! -d "$to/releases/$name" ]; then
  # Whoever is interrupted leaves no half of a release under its name.
  rm -rf "$to/releases/.$name.new"
  cp -R "$here" "$to/releases/.$name.new"
  mv "$to/releases/.$name.new" "$to/releases/$name"
fi
if [ -L "$to/current" ]; then
  current=$(readlink "$to/current")
  [ "$current" = "releases/$name" ] && { echo "$name is current already."; exit 0; }
  point previous "$current"
fi
point current "releases/$name"
echo "Installed $name. Start it with $to/current/tributary, its data in DATA_DIR; then look at it with $to/current/tributary doctor."

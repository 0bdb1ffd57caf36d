#!/bin/sh
# The server, or one of its commands: tributary [--workers <n>], tributary doctor, tributary keys create …
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
case ${1-} in
  '' | -*) command=serve ;;
  *)
    command=$1
    shift
    ;;
esac
[ -f "$here/product/$command.mjs" ] || {
  echo "There is no command $command. There are: $(cd "$here/product" && ls -- *.mjs | sed 's/\.mjs$//' | tr '\n' ' ')" >&2
  exit 2
}
exec "$here/bin/node" --max-semi-space-size=64 "$here/product/$command.mjs" "$@"

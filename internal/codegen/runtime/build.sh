#!/bin/sh
# Makes the JavaScript and the declarations of the runtime of generated clients.
#
#   build.sh [DIR]   writes into DIR, by default beside the sources
set -eu
cd "$(dirname "$0")"
out=${1:-.}
modules=../../../.cache/codegen/live/node_modules
tsc=$modules/typescript59/bin/tsc
[ -e "$tsc" ] || { echo "build.sh: run internal/codegen/live/install.sh first" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp ./*.ts tsconfig.json "$work"
rm "$work"/*.d.ts 2>/dev/null || :
echo '{"type":"module"}' >"$work/package.json"
ln -s "$(cd "$modules" && pwd)" "$work/node_modules"
node "$tsc" -p "$work"
cp "$work"/out/* "$out"

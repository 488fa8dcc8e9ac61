#!/bin/sh
# Makes the JavaScript and the declarations of the runtime of generated clients.
#
#   build.sh [DIR]   writes into DIR, by default beside the sources
set -eu
cd "$(dirname "$0")"
out=${1:-.}
../../../scripts/codegen-packages.sh
modules=$(cd ../../../.cache/codegen/live/node_modules && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp grpcx_runtime.ts grpcx_grpcjs.ts tsconfig.json "$work"
echo '{"type":"module"}' >"$work/package.json"
ln -s "$modules" "$work/node_modules"
node "$modules/typescript59/bin/tsc" -p "$work"
cp "$work"/out/* "$out"

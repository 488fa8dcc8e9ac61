#!/bin/sh
# Installs what the tests behind the build tag "codegen" hold internal/codegen
# against, as the lock file pins it: protoc-gen-es, three TypeScript compilers and
# some hundred .proto files.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=$here/../../../.cache/codegen

mkdir -p "$cache"
if cmp -s "$here/package-lock.json" "$cache/installed.json"; then
	exit 0
fi
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$cache"
cd "$cache"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
cp package-lock.json installed.json

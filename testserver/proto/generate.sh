#!/bin/sh
# Regenerates all that is generated from the .proto files under testserver/proto:
# the Go code, and the descriptor set with comments that reflection serves.
# Needs go and npm; the versions are pinned here and in tools/go.mod.
set -eu
cd "$(dirname "$0")/../.."

version=1.75.0
cache=.cache/buf-$version
if [ ! -x "$cache/node_modules/.bin/buf" ]; then
	npm install --silent --no-audit --no-fund --no-save --prefix "$cache" "@bufbuild/buf@$version"
fi
buf=$cache/node_modules/.bin/buf

"$buf" format --write testserver/proto
"$buf" lint
"$buf" generate
"$buf" build testserver/proto --as-file-descriptor-set --output testserver/proto/descriptors.binpb

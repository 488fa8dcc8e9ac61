#!/bin/sh
# Runs the tests of internal/codegen with those behind the build tag "codegen".
#
#   internal/codegen/oracle/test.sh [GO-TEST-ARGUMENT...]
set -eu
cd "$(dirname "$0")/../../.."

if ! command -v npm >/dev/null; then
	if [ -n "${CI:-}" ]; then
		echo "internal/codegen/oracle/test.sh: npm is missing; it installs protoc-gen-es" >&2
		exit 1
	fi
	echo "SKIPPED: generated code was not compared, npm is missing" >&2
	exit 0
fi
internal/codegen/oracle/install.sh
exec go test -tags codegen -count=1 -timeout 30m ./internal/codegen "$@"

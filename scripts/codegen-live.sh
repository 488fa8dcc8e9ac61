#!/bin/sh
# Runs clients that grpcx generates against servers, in Node and in Chromium, after
# installing what they need: npm packages into .cache, and Chromium from Debian's
# packages if there is none. Outside CI it skips what cannot be installed.
#
#   scripts/codegen-live.sh [GO-TEST-FLAG...]
set -eu
cd "$(dirname "$0")/.."

# give_up REASON
give_up() {
	if [ -n "${CI:-}" ]; then
		echo "scripts/codegen-live.sh: $1" >&2
		exit 1
	fi
	echo "SKIPPED: generated clients were not tried: $1" >&2
	exit 0
}

scripts/codegen-packages.sh || give_up "npm packages cannot be installed"
if ! command -v chromium >/dev/null; then
	command -v apt-get >/dev/null || give_up "chromium is missing"
	root=
	[ "$(id -u)" = 0 ] || root=sudo
	{ $root apt-get update && $root apt-get install --yes --no-install-recommends chromium; } >&2 ||
		give_up "chromium cannot be installed"
fi

exec go test -tags codegen -count=1 -timeout 60m "$@" ./internal/codegen/live

#!/bin/sh
# Runs the clients of testserver/peers against grpcx serve, after installing
# what they need: npm packages into .cache, and Chromium from Debian's packages
# if there is none. Outside CI it skips what cannot be installed.
#
#   scripts/peers.sh [GO-TEST-FLAG...]
set -eu
cd "$(dirname "$0")/.."

# give_up REASON
give_up() {
	if [ -n "${CI:-}" ]; then
		echo "scripts/peers.sh: $1" >&2
		exit 1
	fi
	echo "SKIPPED: foreign clients were not tried: $1" >&2
	exit 0
}

command -v npm >/dev/null || give_up "npm is missing"

for folder in node browser; do
	sources=testserver/peers/$folder
	cache=.cache/peers/$folder
	# The hidden lock file is written when the installation is complete.
	if ! cmp -s "$sources/package-lock.json" "$cache/package-lock.json" ||
		[ ! -e "$cache/node_modules/.package-lock.json" ]; then
		mkdir -p "$cache"
		cp "$sources/package.json" "$sources/package-lock.json" "$sources/.npmrc" "$cache"
		npm ci --prefix "$cache" --ignore-scripts --loglevel=error || give_up "npm packages cannot be installed"
	fi
done

if ! command -v chromium >/dev/null; then
	command -v apt-get >/dev/null || give_up "chromium is missing"
	root=
	[ "$(id -u)" = 0 ] || root=sudo
	{ $root apt-get update && $root apt-get install --yes --no-install-recommends chromium; } >&2 ||
		give_up "chromium cannot be installed"
fi

exec go test -tags peers -count=1 "$@" ./testserver/peers

#!/bin/sh
# Installs into .cache the npm packages that generated clients are compiled with
# and run on, and that make the JavaScript of their runtime.
set -eu
cd "$(dirname "$0")/.."

sources=internal/codegen/live
cache=.cache/codegen/live
# The hidden lock file is written when the installation is complete.
if ! cmp -s "$sources/package-lock.json" "$cache/package-lock.json" ||
	[ ! -e "$cache/node_modules/.package-lock.json" ]; then
	mkdir -p "$cache"
	cp "$sources/package.json" "$sources/package-lock.json" "$sources/.npmrc" "$cache"
	# npm ci --prefix does not follow a link, which the .cache of a copy may be.
	(cd -P "$cache" && npm ci --ignore-scripts --loglevel=error)
fi

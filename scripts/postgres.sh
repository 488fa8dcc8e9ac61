#!/bin/sh
# Installs PostgreSQL's programs, which the tests of the store run by themselves.
# Nothing is done where they are; no server of the machine is started or used.
set -eu

for initdb in /usr/lib/postgresql/*/bin/initdb; do
	[ ! -x "$initdb" ] || exit 0
done
! command -v initdb >/dev/null || exit 0

if ! command -v apt-get >/dev/null; then
	echo "PostgreSQL is not installed; install its server for the tests of the store" >&2
	test -z "${CI:-}"
	exit
fi
root=
[ "$(id -u)" = 0 ] || root=sudo
$root apt-get update
# The common part comes first, so that it can be told to make no server.
$root apt-get install --yes --no-install-recommends postgresql-common
$root mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' | $root tee /etc/postgresql-common/createcluster.d/none.conf >/dev/null
$root apt-get install --yes --no-install-recommends postgresql

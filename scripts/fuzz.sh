#!/bin/sh
# Runs every fuzz target for a while.
#
#   scripts/fuzz.sh DURATION
set -eu
cd "$(dirname "$0")/.."

# `go test -list` prints the names of a package, and then "ok PACKAGE TIME".
targets=$(go test -list '^Fuzz' ./... | awk '
	/^Fuzz/ { names = names " " $1 }
	/^ok/ { n = split(names, name, " "); for (i = 1; i <= n; i++) print $2, name[i]; names = "" }')
echo "$targets" | while read -r package name; do
	echo "$package $name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" -fuzzminimizetime 5x "$package"
done

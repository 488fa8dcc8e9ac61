#!/bin/sh
# Tests the folder deploy without a container engine: see tools/deploy.
set -eu
cd "$(dirname "$0")/../tools/deploy"
exec go test -count=1 "$@" ./...

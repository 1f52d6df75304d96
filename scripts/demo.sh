#!/usr/bin/env bash
# bash scripts/demo.sh                          the whole method on a toy kitchen, into runs/demo
# bash scripts/demo.sh output=/tmp/demo         elsewhere; any override of `llavaction demo` works
set -euo pipefail
source "$(dirname "$0")/environment.sh"
exec llavaction demo "$@"

#!/bin/sh
# Runs a command of this folder on the first Python 3.11 or newer: lib/run.sh <verb> [arguments]
set -eu
scripts=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
verb=$1
shift
tools=${RECORDS_TOOLS:-${scripts%/scripts}/.tools}
# `records` is called often: it starts in the environment that it needs, which is made current if it
# is not, and keeps bytecode, in a folder apart from the sources.
if [ "$verb" = records ] && [ -z "${PYTHON:-}" ] && [ -x "$tools/dev/bin/python" ] &&
    [ -w "$tools" ]; then
    unset PYTHONDONTWRITEBYTECODE
    export PYTHONPATH="$scripts:$scripts/../lambda" PYTHONPYCACHEPREFIX="$tools/bytecode"
    exec "$tools/dev/bin/python" -m lib.records "$@"
fi
for python in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        export PYTHONPATH="$scripts:$scripts/../lambda" PYTHONDONTWRITEBYTECODE=1
        exec "$python" -m "lib.$(printf %s "$verb" | tr - _)" "$@"
    fi
done
echo "error: no Python 3.11 or newer found" >&2
echo "  fix: install one, or set PYTHON=/path/to/python3 before scripts/$verb" >&2
exit 1

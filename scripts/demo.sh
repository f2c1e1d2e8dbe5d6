#!/bin/sh
# The main job on a machine with Python and nothing else: environment, installation, demo.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
make_venv demo
exec "$python" -m tracegraph demo "$@"

#!/bin/sh
# The tests on a machine with Python and nothing else: environment, installation, pytest. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
make_venv dev
exec "$python" -m pytest --numprocesses auto --maxprocesses 8 "$@"

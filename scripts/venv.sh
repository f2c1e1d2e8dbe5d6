# Sourced by the scripts beside it. `make_venv EXTRA` creates .venv (or $TRACEGRAPH_VENV) if there is none, installs
# tracegraph[EXTRA] into it, and sets $python. It starts from $PYTHON, else from the first suitable Python on PATH.

suitable() { # a CPython that pyproject.toml admits and that can make virtual environments
    "$1" -c 'import ensurepip, platform, sys, venv
sys.exit(not ((3, 11) <= sys.version_info < (3, 14) and platform.python_implementation() == "CPython"))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python python3.13 python3.12 python3.11}; do
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "No CPython 3.11 to 3.13 with the venv module was found (looked for: ${PYTHON:-python3, python, python3.11-13})." >&2
    echo "Install one, or name it: PYTHON=/path/to/python sh $0" >&2
    return 1
}

make_venv() {
    venv=${TRACEGRAPH_VENV:-.venv}
    python=$venv/bin/python
    stamp=$venv/.tracegraph-$1
    wanted=$(pwd -P; cksum pyproject.toml) # an environment for this checkout, with these dependencies
    if suitable "$python" && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if ! suitable "$python" || ! "$python" -m pip --version >/dev/null 2>&1; then
        base=$(find_python)
        echo "Creating $venv with $("$base" --version)"
        if [ -f "$venv/pyvenv.cfg" ]; then
            "$base" -m venv --clear "$venv"
        else
            "$base" -m venv "$venv"
        fi
    fi
    echo "Installing tracegraph[$1] into $venv"
    "$python" -m pip install --quiet --disable-pip-version-check --editable ".[$1]"
    echo "$wanted" >"$stamp"
}

# Makes .venv with this project in it, once; sourced by the other scripts. POSIX sh.
#
# A virtual environment, because the system's Python may refuse pip (PEP 668). PYTHON chooses the
# interpreter; without it the newest of 3.10 to 3.14 that can be run is taken.

find_python() {
    for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3.10 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Python 3.10 or newer is needed, and none was found; set PYTHON to one" >&2
    return 1
}

make_environment() {
    python=$(find_python)
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        # Debian and Ubuntu ship venv without pip in a package of its own.
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "installing python3-venv" >&2
            apt-get update -qq >/dev/null && apt-get install -y -qq python3-venv >/dev/null
        fi
        rm -rf .venv
        "$python" -m venv .venv || {
            echo "$python cannot make virtual environments; on Debian: apt install python3-venv" >&2
            return 1
        }
    fi
}

# use_environment EXTRA WHAT...: has .venv with the project and WHAT in it.
use_environment() {
    cd "$(dirname "$0")/.."
    [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null || make_environment
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

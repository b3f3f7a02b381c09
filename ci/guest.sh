#!/bin/sh
# The suite on a machine that nothing was prepared on: sh guest.sh NAME [OPTIONS OF THE RUN]
#
# Finds a Python, or has the system's packages bring one; says what machine this is; runs the single
# file. It leaves NAME.json, NAME.xml and NAME-facts.json in the current folder. PYTHON names an
# interpreter, SUITE the single file; without it that beside this script is taken.
# POSIX sh: dash, ksh, mksh, bash and the ash of busybox run it.
# Exit status: that of the run; 2 wrong usage, 3 nothing is proven, for want of a Python.
set -u

# Where the packages of NetBSD, FreeBSD, OmniOS and macOS go, whatever a bare session knows of.
PATH=$PATH:/usr/local/bin:/usr/pkg/bin:/opt/local/bin:/opt/ooce/bin:/opt/homebrew/bin:/usr/sbin:/sbin
export PATH

find_python() {
    for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3.10 python3 pypy3}; do
        # Some systems pack the standard library in parts.
        if "$candidate" -c 'import sys, fcntl, socket, zipfile, zlib
sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    elif command -v doas >/dev/null; then
        doas -n "$@"
    else
        echo "not root, and neither sudo nor doas is here: $*" >&2
        return 1
    fi
}

first_of() { # first_of WORD... -- PACKAGE...: releases name the newest Python differently
    words=
    while [ "$1" != -- ]; do
        words="$words $1"
        shift
    done
    shift
    for package; do
        # shellcheck disable=SC2086 # several words
        as_root $words "$package" && return
    done
    return 1
}

install_python() {
    case $(uname -s) in
    Linux)
        if command -v apk; then
            as_root apk add --no-cache python3
        elif command -v apt-get; then
            as_root apt-get update -qq
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends python3
        elif command -v dnf; then
            as_root dnf install -y python3
        elif command -v zypper; then
            first_of zypper --non-interactive install -- python313 python312 python311
        elif command -v pacman; then
            as_root pacman -Sy --noconfirm python
        fi
        ;;
    FreeBSD | DragonFly) first_of env ASSUME_ALWAYS_YES=yes pkg install -y -- python3 python311 ;;
    OpenBSD) as_root pkg_add -I python%3 ;;
    NetBSD) first_of pkgin -y install -- python314 python313 python312 python311 ;;
    SunOS) first_of pkg install --accept -- runtime/python-313 runtime/python-311 ;;
    Darwin) brew install python3 ;;
    esac
}

[ $# -ge 1 ] || {
    echo "usage: sh guest.sh NAME [OPTIONS OF THE RUN]" >&2
    exit 2
}
name=$1
shift
suite=${SUITE:-$(dirname "$0")/fdpass-conformance.pyz}
[ -r "$suite" ] || {
    echo "expected the single file at $suite, found none; SUITE names another" >&2
    exit 2
}

uname -a
id
python=$(find_python) || {
    echo "no Python 3.10 or newer is here (looked for ${PYTHON:-the usual names}); installing one"
    install_python >&2
    python=$(find_python) || {
        echo "nothing is proven: no Python 3.10 or newer was found, nor could one be installed" >&2
        exit 3
    }
}
"$python" -VV
"$python" "$suite" --version

# On illumos and Solaris /tmp is memory that the guest has little of.
[ "$(uname -s)" = SunOS ] && TMPDIR=/var/tmp && export TMPDIR

"$python" "$suite" facts --json >"$name-facts.json" || {
    echo "the facts were not measured: exit status $?" >&2
    rm -f "$name-facts.json" # half a profile would spoil the page of all
}
exec "$python" "$suite" run --plain --results "$name.json" --junit "$name.xml" "$@"

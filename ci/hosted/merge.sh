#!/bin/sh
# All platforms as one page: sh merge.sh NAME...
#
# The results, NAME.json and NAME-facts.json, are looked for in the folder RESULTS (here: results);
# the page goes to page/, and its summary to the job's. SUITE is the single file, as in guest.sh.
# Exit status: 0 all of them are on the page; 1 some brought no results, and the page has the rest;
# 2 none did, or what they brought is no results file.
set -u
results=${RESULTS:-results}
suite=${SUITE:-$(dirname "$0")/fdpass-conformance.pyz}

missing=
expected=$#
for name; do # each word is taken from the front, and what it stands for is put at the end
    shift
    if [ -s "$results/$name.json" ]; then
        set -- "$@" "$name=$results/$name.json"
        [ -s "$results/$name-facts.json" ] && set -- "$@" "$results/$name-facts.json"
    else
        missing="$missing $name"
    fi
done
[ $# -gt 0 ] || {
    echo "expected results of $expected platforms in $results, found none" >&2
    exit 2
}

"${PYTHON:-python3}" "$suite" matrix "$@" --html page --json page/matrix.json \
    --markdown page/summary.md --badges page/badges || exit
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat page/summary.md >>"$GITHUB_STEP_SUMMARY"

[ -z "$missing" ] || {
    echo "no results of:$missing" >&2
    [ -z "${GITHUB_STEP_SUMMARY:-}" ] || printf '\nNo results of:%s\n' "$missing" >>"$GITHUB_STEP_SUMMARY"
    exit 1
}

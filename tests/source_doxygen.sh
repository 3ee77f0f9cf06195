#!/usr/bin/env bash
# source_doxygen: a TAP test that doxygen has no warning, and documents every function.
#
# It uses the build folder's Doxyfile, with its output in a temporary folder. Called by `make check`,
# or by hand without arguments. All is skipped where configure found no doxygen.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"
export LC_ALL=C

# What is set again counts: the place, and that nothing keeps a warning back.
print_settings() {
    cat Doxyfile
    echo
    cat <<END
OUTPUT_DIRECTORY = "$tmp"
GENERATE_XML = YES
XML_OUTPUT = xml
QUIET = YES
WARNINGS = YES
WARN_IF_UNDOCUMENTED = YES
WARN_IF_DOC_ERROR = YES
WARN_AS_ERROR = NO
WARN_LOGFILE =
EXTRACT_ALL = NO
HAVE_DOT = NO
END
}

run_doxygen() {
    print_settings | "$DOXYGEN" - >"$tmp/output" 2>"$tmp/warnings"
}

# The functions in lib/evpg.sym that the documentation does not have.
list_undocumented() {
    cat "$tmp"/xml/*_8h.xml | grep -oE '<name>evpg_[a-z0-9_]+</name>' |
        sed -E 's/<[^>]*>//g' | sort -u | comm -23 "$top/lib/evpg.sym" -
}

find_build
[[ -n $DOXYGEN ]] || skip_all "no doxygen here"
make_tmp
cd "$build" || exit
check "there is a Doxyfile" test -s Doxyfile
if [[ -e Doxyfile ]]; then
    check "doxygen runs" quiet run_doxygen
    check "it warns of nothing" silent cat "$tmp/warnings"
    check "every exported function is documented" silent list_undocumented
fi
plan

#!/usr/bin/env bash
# source_exports: a TAP test that three lists agree: the functions that the public headers declare,
# those in lib/evpg.sym, and those the built shared library exports; and the three versions.
#
# Called by `make check`, or by hand without arguments. Without a shared library
# (configure --disable-shared) its part is skipped.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"
export LC_ALL=C

# The name before the first parenthesis of what EVPG_EXPORT marks, up to its semicolon.
list_declared() {
    awk -f "$top/tests/lib/c_code.awk" "$top"/include/*.h "$top"/include/evpg/*.h |
        sed -E 's/^[^:]*:[0-9]*://; /^[ \t]*#/d' | tr '\n' ' ' |
        grep -oE '\bEVPG_EXPORT\b[^;(]*\(' | sed -E 's/.*[^A-Za-z0-9_]([A-Za-z0-9_]+) *\($/\1/' | sort
}

# Lines of TYPE NAME@@VERSION.
list_exported() {
    local nm
    read -ra nm <<<"$NM"
    "${nm[@]}" -D --defined-only "$library" | awk '{ print $(NF - 1), $NF }' | sort
}

# What list_exported shall print.
list_expected() {
    {
        echo "A EVPG_0"
        sed 's/.*/T &@@EVPG_0/' "$top/lib/evpg.sym"
    } | sort
}

# defined NAME: the value of a macro in common.h.
defined() {
    sed -nE "s/^#define $1[ \t]+//p" "$top/include/evpg/common.h"
}

# 1.2.3 is 10203.
number_of() {
    local major minor patch
    IFS=. read -r major minor patch <<<"$1"
    echo $((10#$major * 10000 + 10#$minor * 100 + 10#$patch))
}

find_build
make_tmp
library=$build/.libs/libevpg.so
list_declared >"$tmp/declared"
list_expected >"$tmp/expected"
version=$(sed -nE 's/^AC_INIT\(\[evpg\], \[([0-9]+\.[0-9]+\.[0-9]+)\].*/\1/p' "$top/configure.ac")

check "headers declare functions" test -s "$tmp/declared"
check "evpg.sym is sorted, without doubles" silent sort -cu "$top/lib/evpg.sym"
check "evpg.sym has what the headers declare" same_file "$top/lib/evpg.sym" "$tmp/declared"
if [[ -e $library ]]; then
    list_exported >"$tmp/exported"
    check "the shared library exports that and nothing else" same_file "$tmp/exported" "$tmp/expected"
else
    skip "the shared library exports that and nothing else" "no shared library was built"
fi
check "configure.ac has a version" test -n "$version"
check "EVPG_VERSION is that" same "$(defined EVPG_VERSION)" "\"$version\""
check "EVPG_VERSION_NUMBER is that" same "$(defined EVPG_VERSION_NUMBER)" "$(number_of "$version")"
plan

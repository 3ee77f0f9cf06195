#!/usr/bin/env bash
# fault_clock: a TAP test that deadlines are right on a machine that has been up for years; F37.
#
# Runs tests that have deadlines in a time namespace whose monotonic clock is 777 days ahead. Called
# by `make check`, or by hand under scripts/with-postgres --tcp, without arguments; all is skipped
# without a server, and where such a namespace cannot be had (it takes root, and util-linux 2.36).
# (The clock on the wall is never asked.)
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

ahead=67108864

years_later() {
    unshare --time --monotonic "$ahead" --fork "$@"
}

# passes TEST: no verdict of its is "not ok".
passes() {
    local output
    output=$(years_later "$build/tests/$1" 2>&1)
    grep -q '^1\.\.[1-9]' <<<"$output" && ! grep '^not ok' <<<"$output" | diagnose | grep .
}

find_tree
find_build
make_tmp
[[ ${EVPG_TEST_SERVER-} = 1 ]] || skip_all "no server: run it by scripts/with-postgres --tcp"
years_later true 2>/dev/null || skip_all "no time namespace can be made here"
for test in db_close db_attempt db_conn; do
    check "$test, $((ahead / 86400)) days later" passes "$test"
done
plan

#!/usr/bin/env bash
# chaos: a TAP test that a short run of tests/chaos passes, and that the server is up afterwards.
#
# 15 seconds with a seed that does not change; with EVPG_TEST_FULL a minute. The long run is
# scripts/chaos. Called by `make check`, or by hand under scripts/with-postgres --tls, without
# arguments; all is skipped without a server.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

# run STATUS [OPTION]...: leaves its output in $tmp/out and $tmp/err.
run() {
    local status=0
    "$build/tests/chaos" "${@:2}" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
    same "$status" "$1" || {
        tail -n 60 "$tmp/err" "$tmp/out" | diagnose
        return 1
    }
}

# shows PATTERN: in some line of the report (grep -E).
shows() {
    grep -qE -- "$1" "$tmp/out" || {
        diagnose <"$tmp/out"
        return 1
    }
}

without_server() {
    (unset EVPG_TEST_SERVER && run 2 --seconds 1)
}

server_answers() {
    same "$(psql -X -At -c 'select 42')" 42
}

find_build
make_tmp
[[ ${EVPG_TEST_SERVER-} = 1 ]] || skip_all "no server: run it by scripts/with-postgres --tls"
check "a wrong option is a mistake of usage" run 2 --minuets 1
check "so is no number" run 2 --minutes many
check "without a server it says so" without_server

seconds=15
[[ -z ${EVPG_TEST_FULL-} ]] || seconds=60
check "$seconds s of chaos pass" run 0 --seconds "$seconds" --seed 1
check "its last line says so" same "$(tail -n 1 "$tmp/out")" "chaos: passed"
check "there were operations" shows '^  succeeded [0-9]{4,}, '
check "and faults" shows '^faults: [0-9]{1,}$'
check "and a restart of the server" shows '^  (fast|immediate) restart: [1-9]'
check "and losses" shows '^connections: .* lost [1-9]'
check "and listeners that have heard much" shows '^listeners: .* heard [0-9]{3,}, lost [1-9]'
check "the server is up" server_answers
plan

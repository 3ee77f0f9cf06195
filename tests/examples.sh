#!/usr/bin/env bash
# examples: a TAP test that the built examples do what they promise.
#
# Called by `make check`, or by hand under scripts/with-postgres, without arguments; all is skipped
# without a server (EVPG_TEST_SERVER=1). cursos_concluidos gets a database of its own, which is
# dropped afterwards.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

examples=(hello params types scan pipeline pool batch transfer listen cursos_concluidos)
database=evpg_examples_$$

# run STATUS EXAMPLE [CONNINFO]: leaves its output in $tmp/out and $tmp/err.
run() {
    local status=0
    timeout 60 "$build/examples/$2" "${@:3}" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
    same "$status" "$1" || {
        head -n 20 "$tmp/out" "$tmp/err" | diagnose
        return 1
    }
}

# succeeds EXAMPLE: and says nothing of errors.
succeeds() {
    run 0 "$1" && same "$(<"$tmp/err")" ""
}

# prints PATTERN: in some line of the output (grep -E).
prints() {
    grep -qE -- "$1" "$tmp/out" || {
        head -n 20 "$tmp/out" | diagnose
        return 1
    }
}

# prints_text TEXT: as it stands.
prints_text() {
    grep -qF -- "$1" "$tmp/out" || {
        head -n 20 "$tmp/out" | diagnose
        return 1
    }
}

# prints_line TEXT: in a line of its own.
prints_line() {
    grep -qxF -- "$1" "$tmp/out" || {
        head -n 40 "$tmp/out" | diagnose
        return 1
    }
}

# The second half of the output is the first half once more.
same_halves() {
    local lines
    lines=$(wc -l <"$tmp/out")
    [[ $lines -gt 20 ]] && same_file <(tail -n $((lines / 2)) "$tmp/out") \
        <(head -n $((lines / 2)) "$tmp/out") && same $((lines % 2)) 0
}

# Neither that of the session nor the process's changes what is printed.
types_elsewhere() {
    cp "$tmp/out" "$tmp/here"
    TZ=Asia/Kathmandu PGTZ=America/Sao_Paulo succeeds types && same_file "$tmp/out" "$tmp/here"
}

# says_why SED TEXT: scan.c, changed by sed, fails with the text that its comment has for that.
says_why() {
    local command
    grep -qF -- "$2" "$top/examples/scan.c" || {
        echo "# scan.c does not say '$2'"
        return 1
    }
    sed "$1" "$top/examples/scan.c" >"$tmp/scan.c"
    read -ra command <<<"$CC $EVPG_SANITIZE -I$top/include $LIBEVENT_CFLAGS $tmp/scan.c \
        $build/.libs/libevpg.so $LIBEVENT_LIBS -o $tmp/scan"
    quiet "${command[@]}" || return
    LD_LIBRARY_PATH=$build/.libs "$tmp/scan" >"$tmp/out" 2>"$tmp/err"
    same "$(<"$tmp/err")" "scan: $2"
}

# awaits PATTERN: until it is in some line of what the example in the background prints.
awaits() {
    local i
    for ((i = 0; i < 300; i++)); do
        ! grep -qE -- "$1" "$tmp/out" || return 0
        sleep 0.1
    done
    head -n 20 "$tmp/out" "$tmp/err" | diagnose
    return 1
}

add_task() {
    sql "insert into evpg_task (title) values ('$1')"
}

# The server restarts by itself when one of its sessions was killed; it takes a moment.
crash_and_add_task() {
    local pid i
    pid=$(psql -X -A -t -c "select pid from pg_stat_activity where query like 'LISTEN%'")
    kill -KILL "$pid" || return
    for ((i = 0; i < 300; i++)); do
        ! add_task "$1" 2>"$tmp/psql" || return 0
        sleep 0.1
    done
    return 1
}

# ends STATUS PID
ends() {
    local status=0
    wait "$2" || status=$?
    same "$status" "$1"
}

# How many rows of the course list were printed.
count_rows() {
    grep -cE '^[0-9]{2}/[0-9]{2}/[0-9]{4}  ' "$tmp/out"
}

# The clock has ticked before the first row came.
ticks_first() {
    local tick row
    tick=$(grep -n '^tick' "$tmp/out" | head -n 1 | cut -d : -f 1)
    row=$(grep -nE '^[0-9]{2}/' "$tmp/out" | head -n 1 | cut -d : -f 1)
    [[ -n $tick && -n $row && $tick -lt $row ]] || {
        echo "# the first tick is in line '$tick', the first row in line '$row'"
        return 1
    }
}

# Of a server that cannot be had: status 1, and one line on stderr that names the place.
fails_clearly() {
    run 1 "$1" "host=/nonexistent" || return
    [[ $(wc -l <"$tmp/err") -ne 1 || $(<"$tmp/err") != *"/nonexistent"* ]] || return 0
    echo "# $(wc -l <"$tmp/err") lines on stderr, $(wc -l <"$tmp/out") on stdout:"
    head -n 5 "$tmp/err" "$tmp/out" | diagnose
    return 1
}

# ask PATH: what the HTTP server at $port answers to that, in $tmp/answer. Fails without an answer.
ask() {
    exec 9<>"/dev/tcp/127.0.0.1/$port" || return
    printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' "$1" >&9
    timeout 10 cat <&9 | tr -d '\r' >"$tmp/answer"
    exec 9>&-
    test -s "$tmp/answer"
}

# answers PATH STATUS TEXT: in a line of the answer.
answers() {
    ask "$1" || return
    [[ $(head -n 1 "$tmp/answer") != "HTTP/1.1 $2 "* ]] || ! grep -qF -- "$3" "$tmp/answer" ||
        return 0
    head -n 20 "$tmp/answer" | diagnose
    return 1
}

# start_courses CONNINFO: in the background, until it listens, at $port; its process is $courses.
start_courses() {
    : >"$tmp/out" # what an earlier one has said
    PGDATABASE=$database "$build/examples/http_courses" 0 "$1" >"$tmp/out" 2>"$tmp/err" </dev/null &
    courses=$!
    awaits '^http://127.0.0.1:[0-9]+/$' || return
    port=$(sed -E 's|.*:([0-9]+)/|\1|' "$tmp/out")
}

becomes_well() {
    local i
    for ((i = 0; i < 100; i++)); do
        ! answers /healthz 200 well >"$tmp/why" || return 0
        sleep 0.1
    done
    cat "$tmp/why"
    return 1
}

# counts METRIC NUMBER
counts() {
    ask /metrics || return
    same "$(sed -n "s/^evpg_$1{pool=\"courses\"} //p" "$tmp/answer")" "$2"
}

waiting_for_courses="select count(*) from pg_stat_activity where query like 'select titulo%'
    and wait_event_type = 'Lock'"

# awaits_waiting NUMBER: of its queries wait for the locked table; within a second at most.
awaits_waiting() {
    local i
    for ((i = 0; i < 40; i++)); do
        [[ $(psql -X -A -t -c "$waiting_for_courses") != "$1" ]] || return 0
        sleep 0.02
    done
    echo "# $(psql -X -A -t -c "$waiting_for_courses") wait"
    return 1
}

# The table is locked, so that a client can go while its query runs.
client_hangs_up() {
    local locker result=0
    PGDATABASE=$database psql -X -q -c 'begin; lock table cursos; select pg_sleep(3)' \
        >"$tmp/locker" 2>&1 &
    locker=$!
    sleep 0.5
    exec 9<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /course?id=3 HTTP/1.1\r\nHost: a\r\n\r\n' >&9
    awaits_waiting 1 || result=1
    exec 9>&-
    awaits_waiting 0 || result=1
    counts requests_timed_out_total 0 && counts requests_abandoned_total 1 || result=1
    answers '/course?id=3' 504 'took too long' || result=1
    wait "$locker"
    return "$result"
}

# sql TEXT: as the superuser, outside of the examples' database.
sql() {
    psql -X -q -v ON_ERROR_STOP=1 -c "$1"
}

course_title() {
    PGDATABASE=$database psql -X -A -t -c "select titulo from cursos where id = $1"
}

load_courses() {
    sql "create database $database" &&
        PGDATABASE=$database psql -X -q -v ON_ERROR_STOP=1 -f "$top/examples/cursos.sql"
}

# With a server that takes a second to begin, so that the clock must tick before it answers.
courses_succeed() {
    PGDATABASE=$database PGOPTIONS='-c post_auth_delay=1' succeeds cursos_concluidos
}

drop_courses() {
    sql "drop database if exists $database with (force)"
}

[[ ${EVPG_TEST_SERVER-} = 1 ]] || skip_all "no server: see scripts/with-postgres"
find_build
make_tmp

check "hello succeeds" succeeds hello
check "hello prints its line" same "$(grep -cE '^hello from PostgreSQL [0-9]+' "$tmp/out")" 1
check "hello prints nothing else" same "$(wc -l <"$tmp/out")" 1
check "hello.c has at most 60 lines" test "$(wc -l <"$top/examples/hello.c")" -le 60
check "params succeeds" succeeds params
check "params gets the name as it was" prints_text "\"Robert'); DROP TABLE students;--\""

check "types succeeds" succeeds types
check "types prints the same of text and of binary format" same_halves
for line in 'timestamptz: 1795611930.250000000, which is 2026-11-25 13:05:30.250000 UTC' \
    'date: 2026-11-25' 'infinity: yes' 'interval: 14 months, -3 days, 1500000 microseconds' \
    'numeric: 3703703670.30, or 370370367030 cents' 'uuid: it ends with cafe' \
    'json: {"b": 1,  "a": 2}; jsonb: {"a": 2, "b": 1}' 'inet: 192.0.2.7/24' 'array: 7 NULL 9' \
    'range: from 10, without an end' 'composite: 12 of screws, "long"' 'enum: happy' \
    'NULL: yes, "nothing"' 'refused: column 1 "total" (int8): out of range for 32 bits'; do
    check "types prints $line" prints_line "$line"
done
check "types does not care about the time zone" types_elsewhere

check "scan succeeds" succeeds scan
check "scan prints a whole row" \
    prints_line '1: Ana, 129.90, paid, shipped 2026-11-25, a gift'
check "scan prints one without a day and a note" prints_line '2: Bruno, 5.00, not paid'
check "scan prints one without a day" prints_line '3: Carla, 70.01, paid, call first'
check "scan prints nothing else" same "$(wc -l <"$tmp/out")" 3
if [[ -e $build/.libs/libevpg.so ]]; then
    check "scan.c says what one place too few gives" says_why 's|evpg_to_bool(&order->paid),||' \
        'the row has 6 columns, and 5 are wanted'
    check "scan.c says what a place of another type gives" \
        says_why 's|evpg_to_text(&customer)|evpg_to_int32(\&(int32_t){0})|; s|\*customer|*customer = ""|' \
        'column 1 "customer" (text): not an integer type'
else
    skip "scan.c says what mistakes give" "no shared library was built"
fi

check "pipeline succeeds" succeeds pipeline
check "pipeline counts all answers" \
    prints '^10000 answers, 9999 rows, 1 failed, 0 out of order$'

check "pool succeeds" succeeds pool
check "pool transfers" prints_line 'account 1 has 70'
check "pool counts all answers" prints_line '1000 queries and a transfer, 0 failed'

check "transfer succeeds" succeeds transfer
check "transfer neither makes nor loses money" \
    prints '^[0-9]+ made, [0-9]+ refused, 0 failed; the accounts have 500, the poorest [0-9]+$'
check "transfer leaves no table" same "$(psql -X -A -t -c "select to_regclass('evpg_account')")" ""
check "batch succeeds" succeeds batch
check "batch transfers" prints_line 'the accounts: ana 30, bob 90'
check "batch is done" prints_line 'the first transfer is done, 3 rows'
check "batch names the member that has failed" \
    prints '^the second transfer has failed: member 2 of 3 \(update account .*ERROR 23514: '
check "batch says what became of the member before it" \
    prints '^  give: undone, because of member 2 of 3 '
check "batch inserts many" prints_line 'all of the points is done, 1000 rows'

timeout 60 "$build/examples/listen" >"$tmp/out" 2>"$tmp/err" </dev/null &
listen=$!
check "listen listens" awaits '^listening to evpg_tasks$'
check "a task can be added" quiet add_task 'buy milk'
check "listen prints it" awaits '^task: buy milk$'
check "the server crashes, and takes another task" crash_and_add_task 'mend the roof'
check "listen listens again" awaits '^listening again to evpg_tasks$'
check "and prints that one" awaits '^task: mend the roof$'
check "the task that ends it can be added" quiet add_task 'stop'
check "listen ends well" ends 0 "$listen"
check "it has printed each task once" same "$(grep -c '^task: ' "$tmp/out")" 3
check "it has said that it was not listening" grep -q '^not listening: ' "$tmp/err"

trap 'drop_courses >"$tmp/drop" 2>&1; rm -rf "$tmp"' EXIT
check "cursos.sql loads" quiet load_courses
check "cursos_concluidos succeeds" courses_succeed
check "its first line is that the query is submitted" \
    same "$(head -n 1 "$tmp/out")" "the query is submitted, and consulta_cursos_concluidos has returned"
check "its clock ticks before the first row" ticks_first
check "it prints 200 rows" same "$(count_rows)" 200
check "and says so" prints '^200 rows; '

check "http_courses listens" start_courses ''
check "http_courses is well when it is connected" becomes_well
check "http_courses knows a course" answers '/course?id=1' 200 "$(course_title 1)"
check "http_courses knows another" answers '/course?id=12' 200 "$(course_title 12)"
check "http_courses does not know all" answers '/course?id=999' 404 'no such course'
for id in '' '?' '?id' '?id=' '?id=x' '?id=1x' '?id=-1' '?id=0' '?id=99999999999999999999' \
    "?id=1'" '?id=%00' '?x=1'; do
    check "http_courses refuses /course$id" answers "/course$id" 400 'must be a number'
done
check "http_courses stops the query of a client that hangs up" client_hangs_up
check "http_courses counts by name" answers /metrics 200 \
    'evpg_named_request_seconds_count{pool="courses",name="course"} '
kill -TERM "$courses"
check "http_courses ends well" ends 0 "$courses"
check "the database is dropped" quiet drop_courses
check "http_courses starts without a server" start_courses 'host=/nonexistent'
check "it says that it is not well" answers /healthz 503 'not well'
check "it asks its clients to try again later" answers '/course?id=1' 503 'try again later'
check "and does not tell them why" same "$(grep -c nonexistent "$tmp/answer")" 0
kill -TERM "$courses"
check "it ends well" ends 0 "$courses"
check "http_courses says what is wrong with its settings" run 1 http_courses 0 'nothing=1'
check "in one line" same "$(grep -c '^http_courses: ' "$tmp/err")" 1

for example in "${examples[@]}"; do
    check "$example ends with 1 and one line when there is no server" fails_clearly "$example"
done
plan

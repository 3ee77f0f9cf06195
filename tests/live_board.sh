#!/usr/bin/env bash
# live_board: a TAP test of the example live_board in a browser, headless Chromium.
#
# The page is opened; what is committed by others must appear in it, text as text, nothing missing
# and nothing twice, also what is committed while the listener or the server is away. Chromium is
# driven by ChromeDriver's HTTP interface. Called by `make check`, or by hand under
# scripts/with-postgres, without arguments; all is skipped without a server (EVPG_TEST_SERVER=1), or
# where chromium, chromedriver or curl is missing. The database is its own, and dropped afterwards.
# EVPG_TEST_SCREENSHOT=FILE: leaves a picture of the page, a PNG, there.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

database=evpg_live_board_$$
board='' driver='' session=''

# start_board [PORT]: the example; sets $url.
start_board() {
    local i
    : >"$tmp/board.out"
    PGDATABASE=$database "$build/examples/live_board" "${1-0}" >"$tmp/board.out" \
        2>>"$tmp/board.err" </dev/null &
    board=$!
    for ((i = 0; i < 100; i++)); do
        url=$(<"$tmp/board.out")
        [[ -z $url ]] || return 0
        sleep 0.1
    done
    tail -n 5 "$tmp/board.err" | diagnose
    return 1
}

# stop_board: in good order.
stop_board() {
    local status=0
    kill -TERM "$board" && wait "$board" || status=$?
    board=''
    same "$status" 0
}

# ask METHOD PATH [JSON]: of ChromeDriver; prints what "value" is, an object or a text as it stands
# in JSON.
ask() {
    local data=()
    [[ $# -lt 3 ]] || data=(-H 'Content-Type: application/json' -d "$3")
    curl -s -S --max-time 60 -X "$1" "${data[@]}" "$driver_url$2" |
        tr -d '\n' | sed -E 's/^\{"value":(.*)\}$/\1/'
}

start_driver() {
    local i port
    HOME=$tmp chromedriver --port=0 --log-level=SEVERE >"$tmp/driver.out" 2>&1 </dev/null &
    driver=$!
    for ((i = 0; i < 300; i++)); do
        port=$(sed -nE 's/.*started successfully on port ([0-9]+).*/\1/p' "$tmp/driver.out")
        [[ -z $port ]] || break
        sleep 0.1
    done
    driver_url=http://127.0.0.1:$port
    [[ -n $port ]] || {
        diagnose <"$tmp/driver.out"
        return 1
    }
}

# In a folder of its own, and without what asks the outer world for something.
start_browser() {
    local arguments answer
    arguments=$(printf ',"%s"' --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --disable-dev-shm-usage --window-size=1000,1100 "--user-data-dir=$tmp/browser")
    answer=$(ask POST /session "{\"capabilities\":{\"alwaysMatch\":{\"goog:chromeOptions\":{\"binary\":\"$(command -v chromium)\",\"args\":[${arguments#,}]}}}}")
    session=$(sed -nE 's/.*"sessionId":"([^"]+)".*/\1/p' <<<"$answer")
    [[ -n $session ]] || {
        diagnose <<<"$answer"
        return 1
    }
}

# js SCRIPT: what it returns in the page, a text without quotes and backslashes.
js() {
    local value
    value=$(ask POST "/session/$session/execute/sync" "{\"script\":\"$1\",\"args\":[]}")
    value=${value#\"}
    value=${value//\\u003C/<}
    echo "${value%\"}"
}

# The page's list, from the top: who, each with a bar behind; and how it says it is.
list() {
    js "return [...document.querySelectorAll('#list .who')].slice(0, ${1-5}).map(w => w.textContent + '|').join('')"
}

state() {
    js "return document.getElementById('state').dataset.state"
}

# becomes TEXT COMMAND...: what COMMAND prints, within 30 s.
becomes() {
    local i got
    for ((i = 0; i < 300; i++)); do
        got=$("${@:2}")
        [[ $got != "$1" ]] || return 0
        sleep 0.1
    done
    tail -n 5 "$tmp/board.err" | diagnose
    same "$got" "$1"
}

sql() {
    PGDATABASE=${2-$database} psql -X -A -t -q -v ON_ERROR_STOP=1 -c "$1"
}

# completes WHO: course 3.
completes() {
    sql "with a as (insert into alunos (nome) values ('$1') returning id)
         insert into conclusoes select id, 3, current_date, 7 from a"
}

make_database() {
    sql "create database $database" "$PGDATABASE" &&
        PGDATABASE=$database psql -X -q -v ON_ERROR_STOP=1 -f "$top/examples/cursos.sql" \
            -f "$top/examples/live_board.sql"
}

# The listening session; the last that it was asked is LISTEN, or nothing, to see if it is alive.
readonly listener="pg_stat_activity where datname = '$database'
    and (query like 'LISTEN%' or query = '') and backend_type = 'client backend'"

# Ends it, and something is committed at once.
completes_in_a_gap() {
    same "$(sql "select pg_terminate_backend(pid, 5000) from $listener")" t && completes "$1"
}

# The server loses all sessions when one of them is killed, and is up again after a moment.
completes_after_a_crash() {
    local pid i
    pid=$(sql "select pid from $listener")
    kill -KILL "$pid" || return
    for ((i = 0; i < 300; i++)); do
        ! completes "$1" 2>"$tmp/psql" || return 0
        sleep 0.1
    done
    return 1
}

# Who has a session loses it, and gets none.
lock_out() {
    sql "alter database $database allow_connections false" "$PGDATABASE" &&
        sql "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$database'" \
            "$PGDATABASE"
}

# fill_in WHO: the form, and sends it.
fill_in() {
    js "const f = document.getElementById('form'); f.who.value = '$1'; f.course.value = '3'; f.mark.value = '9.5'; f.requestSubmit(); return 'sent'"
}

said() {
    js "return document.getElementById('said').textContent"
}

# All keys that are there, and how many different ones.
count_keys() {
    js "const k = [...document.querySelectorAll('#list li')].map(i => i.dataset.key); return k.length + ' ' + new Set(k).size"
}

save_screenshot() {
    ask GET "/session/$session/screenshot" | tr -d '"' | base64 -d >"$1"
}

finish() {
    [[ -z $session ]] || ask DELETE "/session/$session" >"$tmp/end"
    [[ -z $driver ]] || kill "$driver"
    [[ -z $board ]] || kill -KILL "$board"
    wait
    sql "drop database if exists $database with (force)" "$PGDATABASE" >"$tmp/end" 2>&1
    rm -rf "$tmp"
}

[[ ${EVPG_TEST_SERVER-} = 1 ]] || skip_all "no server: see scripts/with-postgres"
for program in chromium chromedriver curl; do
    command -v "$program" >/dev/null || skip_all "$program is not installed"
done
find_build
make_tmp
trap finish EXIT

check "the database is made" quiet make_database
check "live_board starts" start_board
check "ChromeDriver starts" start_driver
check "Chromium starts" start_browser
[[ -n $session ]] || {
    plan
    exit
}
check "the page opens" same "$(ask POST "/session/$session/url" "{\"url\":\"$url\"}")" null
check "it is live" becomes live state
check "it shows the latest first" becomes 'Sofia Bragança|Letícia Paixão|' list 2
check "100 of them, each once" becomes '100 100' count_keys

check "one is committed" completes 'Ana'
check "it appears" becomes 'Ana|Sofia Bragança|' list 2
check "one whose name is a script is committed" completes '<script>document.title = 1</script>'
check "it appears as text" becomes '<script>document.title = 1</script>|Ana|' list 2
check "and is none" same "$(js "return document.title + document.querySelectorAll('#list script').length")" \
    'Completed courses, live0'

check "one is committed while nothing listens" quiet completes_in_a_gap 'Bia'
check "it appears" becomes 'Bia|<script>document.title = 1</script>|Ana|' list 3
check "the page is live again" becomes live state
check "the server crashes, and one is committed" quiet completes_after_a_crash 'Caio'
check "it appears" becomes 'Caio|Bia|<script>document.title = 1</script>|Ana|Sofia Bragança|' list 5
check "the page is live again" becomes live state
check "another one appears as well" completes 'Duda'
check "by itself" becomes 'Duda|Caio|' list 2
check "nothing is there twice" becomes '100 100' count_keys

check "the database cannot be had" quiet lock_out
check "the page says so" becomes lost state
check "and what it shows is still there" becomes 'Duda|Caio|' list 2
check "the database can be had" sql "alter database $database allow_connections true" "$PGDATABASE"
check "the page is live again" becomes live state

check "a mark is changed" sql "update conclusoes set nota = 1 where numero = 300"
check "its entry comes to the top" becomes 'Sofia Bragança|Duda|' list 2
check "and is there once" becomes '100 100' count_keys

port=${url##*:}
port=${port%/}
check "live_board is stopped" stop_board
check "the page says so" becomes reconnecting state
check "one is committed meanwhile" completes 'Eva'
check "live_board is started again" start_board "$port"
check "the page connects by itself" becomes live state
check "nothing is missing" becomes 'Eva|Sofia Bragança|Duda|Caio|Bia|' list 5
check "and nothing twice" becomes '100 100' count_keys

check "the form is sent" same "$(fill_in 'Form & Sons')" sent
check "it is stored" becomes 'stored' said
check "it appears" becomes 'Form & Sons|Eva|' list 2
[[ -z ${EVPG_TEST_SCREENSHOT-} ]] ||
    check "a picture is taken" save_screenshot "$EVPG_TEST_SCREENSHOT"

check "the table is emptied" sql "truncate conclusoes"
check "the page is as well" becomes '0 0' count_keys
check "live_board ends well" stop_board
plan

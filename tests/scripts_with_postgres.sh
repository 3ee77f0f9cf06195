#!/usr/bin/env bash
# scripts_with_postgres: a TAP test of scripts/with-postgres.
#
# Every command run under the script notes its server's process id, its folder and its own process
# id in a file; afterwards none of the three may be left. Called by `make check`, or by hand from
# anywhere without arguments. All is skipped where there is no PostgreSQL server.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
# shellcheck disable=SC2016 # in single quotes stand commands for another shell
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

find_tree
with=$top/scripts/with-postgres

# exits_with STATUS COMMAND...
exits_with() {
    local status=0
    "${@:2}" >"$tmp/output" 2>&1 || status=$?
    same "$status" "$1" || {
        diagnose <"$tmp/output"
        return 1
    }
}

# await FILE: not empty within twenty seconds.
await() {
    local tries
    for ((tries = 0; tries < 400; tries++)); do
        [[ ! -s $1 ]] || return 0
        sleep 0.05
    done
    echo "# $1 was not written"
    return 1
}

# For the commands: note FILE.
note() {
    echo "$(head -n 1 "$EVPG_TEST_DATA/postmaster.pid") $$ $PGHOST ${EVPG_TEST_TCP_PORT-}" >"$1.new"
    mv "$1.new" "$1"
}

ended() {
    ! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

# nothing_left FILE: what was noted is gone.
nothing_left() {
    local server command folder
    [[ -s $1 ]] && read -r server command folder _ <"$1" || return 1
    if ended "$server" && ended "$command" && [[ $folder = /tmp/?* && ! -e $folder ]]; then
        return 0
    fi
    echo "# server $server, command $command or folder $folder is left"
    return 1
}

query() {
    "$bindir/psql" -X -A -t -c "$1" "${@:2}"
}

# Sets what could lead libpq elsewhere, before the script runs.
astray() {
    PGSERVICE=nowhere PGHOSTADDR=192.0.2.1 PGPASSWORD=x PGOPTIONS='-c nothing=1' "$@"
}

# signalled SIGNAL FILE STATUS: the script gets the signal while its command runs.
signalled() {
    local pid status=0
    env --default-signal=INT "$with" bash -c 'note "$1"; exec sleep 60' - "$2" &
    pid=$!
    await "$2" || status=1
    kill "-$1" "$pid"
    wait "$pid" || status=$?
    same "$status" "$3"
}

# For two commands that must run at the same time: meet MINE OTHER
meet() {
    note "$1"
    await "$2" && query 'select pg_postmaster_start_time()' >/dev/null &&
        query "select 'TCP' where inet_server_port() is not null" ${EVPG_TEST_TCP_PORT:+-h 127.0.0.1} >>"$1"
}

# two_at_once NAME [OPTION]: both succeed, each with a server of its own.
two_at_once() {
    local first status=0 a=$tmp/$1.a b=$tmp/$1.b
    shift
    "$with" "$@" bash -c 'meet "$@"' - "$a" "$b" &
    first=$!
    "$with" "$@" bash -c 'meet "$@"' - "$b" "$a" || status=1
    wait "$first" || status=1
    [[ $status -eq 0 && $(head -n 1 "$a") != "$(head -n 1 "$b")" ]]
}

# With the same "random" numbers both try the same port first.
two_on_tcp() {
    echo 'RANDOM=7' >"$tmp/seed"
    BASH_ENV=$tmp/seed two_at_once tcp --tcp || return
    grep -q TCP "$tmp/tcp.a" && grep -q TCP "$tmp/tcp.b" &&
        [[ $(awk 'NR == 1 { print $4 }' "$tmp/tcp.a") -ne $(awk 'NR == 1 { print $4 }' "$tmp/tcp.b") ]]
}

bindir=$("$with" --bindir 2>/dev/null) || skip_all "no PostgreSQL server here"
make_tmp
export bindir
export -f note await query meet

check "a missing command is a usage error" exits_with 2 "$with" --tcp
check "a setting without a value is a usage error" exits_with 2 "$with" -c work_mem true
check "the command's exit status passes through" \
    exits_with 7 "$with" bash -c 'note "$1"; exit 7' - "$tmp/exit"
check "nothing is left when the command has failed" nothing_left "$tmp/exit"
check "a killed command gives 128 and the signal" \
    exits_with 143 "$with" bash -c 'note "$1"; kill -TERM $$' - "$tmp/killed"
check "nothing is left when the command was killed" nothing_left "$tmp/killed"

astray "$with" -c work_mem=7MB -c "cluster_name=it's" bash -c '
    note "$1"
    echo "$EVPG_TEST_SERVER ${PGSERVICE-no} ${PGHOSTADDR-no} ${PGPASSWORD-no} ${PGOPTIONS-no}"
    echo "$EVPG_TEST_DATA $EVPG_TEST_LOG ${EVPG_TEST_TCP_PORT-no}"
    query "select current_user, current_database(), rolsuper from pg_roles where rolname = user"
    query "show work_mem"
    query "show cluster_name"
    query "select setting from pg_settings where name = '\''data_directory'\''"
    test -s "$EVPG_TEST_LOG"' - "$tmp/env" >"$tmp/seen"
check "the command finds its server by the environment" same $? 0
mapfile -t seen <"$tmp/seen"
folder=$(awk '{ print $3 }' "$tmp/env")
check "what would lead libpq elsewhere is unset" same "${seen[0]-}" "1 no no no no"
check "data folder and log are told" same "${seen[1]-}" "$folder/data $folder/log no"
check "user and database are evpg, a superuser" same "${seen[2]-}" "evpg|evpg|t"
check "settings reach the server" same "${seen[3]-} ${seen[4]-}" "7MB it's"
check "the server is the private one" same "${seen[5]-}" "$folder/data"
check "a server that cannot start gives 3" exits_with 3 "$with" -c wal_level=silly true
check "its log is shown" grep -q 'wal_level' "$tmp/output"
left=$(sed -n 's|.*"\(/tmp/evpg-pg[^/]*\)/.*|\1|p' "$tmp/output" | head -n 1)
check "nothing is left of it" test -n "$left" -a ! -e "$left"

check "SIGTERM ends the script with 143" signalled TERM "$tmp/term" 143
check "SIGTERM leaves nothing" nothing_left "$tmp/term"
check "SIGINT ends the script with 130" signalled INT "$tmp/int" 130
check "SIGINT leaves nothing" nothing_left "$tmp/int"
tls_query() {
    "$with" --tls bash -c 'PGHOSTADDR=127.0.0.1 PGHOST=localhost PGSSLROOTCERT=$EVPG_TEST_TLS/$1.crt \
        PGSSLMODE=verify-full query "select ssl from pg_stat_ssl where pid = pg_backend_pid()"' - "$1"
}
if command -v openssl >/dev/null; then
    check "with --tls the server's certificate can be verified" same "$(tls_query root)" t
    check "and by another authority it cannot" same "$(tls_query other-root 2>/dev/null)" ""
else
    skip "--tls" "there is no openssl"
fi
check "two at once do not collide" two_at_once socket
check "two on TCP at once, wanting the same port, do not collide" two_on_tcp
for file in socket.a socket.b tcp.a tcp.b; do
    check "nothing is left of $file" nothing_left "$tmp/$file"
done

plan

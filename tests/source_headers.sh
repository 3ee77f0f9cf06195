#!/usr/bin/env bash
# source_headers: a TAP test of the public headers as C11 and as C++17.
#
# Each compiles alone, and programs that use their macros compile without a warning, with the
# compiler of the build and, where they are there, with gcc and clang, g++ and clang++. Two programs
# run with the built library; they need no server. Called by `make check`, or by hand without
# arguments. Without a C++ compiler its tests are skipped.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

# In each, two tests of EVPG_PARAMS: how often it evaluates, and what it passes.
write_common() {
    cat <<'END'
#include <evpg.h>

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int made, lines;

static struct evpg_param make(int value)
{
    made++;
    return evpg_int32(value);
}

static void on_log(struct evpg_db *db, enum evpg_log_level level, const char *line, void *arg)
{
    (void)arg;
    lines += db && level == EVPG_LOG_WARNING && *line;
}

static int same(const struct evpg_param *param, int value)
{
    struct evpg_param expected = evpg_int32(value);

    return memcmp(param, &expected, sizeof(expected)) == 0;
}

static int take(const struct evpg_param *params, size_t n_params)
{
    return n_params == 3 && same(&params[0], 7) && same(&params[1], 8) && same(&params[2], 9);
}

/* An array, between others. */
static int take_array(const struct evpg_param *params, size_t n_params)
{
    const struct evpg_array_value *array =
        (const struct evpg_array_value *)params[1].value.pointer;

    return n_params == 3 && same(&params[0], 6) && array->element_type == 23 &&
           array->n_elements == 2 && array->dimensions == 0 && same(&array->elements[0], 7) &&
           same(&array->elements[1], 8) && same(&params[2], 9);
}

static int take_none(const struct evpg_param *params, size_t n_params)
{
    return !params && n_params == 0;
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    (void)arg;
    return evpg_row_is_null(row, 0) ? EVPG_FAIL : EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    (void)arg;
    (void)result;
}

/* The name of the first thing that is wrong, or NULL. */
static const char *wrong_params(void)
{
    int value = 7;

    if (!take(EVPG_PARAMS(make(value), make(value + 1), make(9))))
        return "EVPG_PARAMS passes other values";
    if (!take_array(EVPG_PARAMS(make(value - 1), EVPG_ARRAY(23, make(value), make(8)), make(9))))
        return "EVPG_ARRAY passes other values";
    if (made != 7)
        return "EVPG_PARAMS evaluates its arguments not once";
    if (!take_none(EVPG_NO_PARAMS))
        return "EVPG_NO_PARAMS passes something";
    return NULL;
}

/* Of a connection that was never opened: refused, and the log is told. */
static const char *wrong_query(struct evpg_db *db)
{
    if (evpg_query(db, "select $1, $2", EVPG_PARAMS(evpg_int64(42), evpg_text("Ana")), on_row,
                   on_done, NULL) ||
        errno != ENOTCONN ||
        evpg_query(db, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL))
        return "evpg_query accepts";
    return lines == 2 ? NULL : "the log is not told";
}
END
}

write_c() {
    write_common
    cat <<'END'

_Static_assert(sizeof(struct evpg_param) == 32, "size of struct evpg_param");

static const char *wrong(void)
{
    struct evpg_conn_config none = EVPG_CONN_CONFIG();
    struct evpg_hooks silent = EVPG_HOOKS();
    struct event_base *base = event_base_new();
    struct evpg_db *db = evpg_conn_new(
        base, "host=/nonexistent",
        &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 2000, .max_queued_requests = 5));
    const char *what = wrong_params();

    if (!db || none.size != sizeof(none) || none.max_queued_requests || silent.log)
        return "settings";
    evpg_set_hooks(db, &EVPG_HOOKS(.log = on_log), NULL);
    if (!what)
        what = wrong_query(db);
    evpg_free(db);
    event_base_free(base);
    return what;
}

int main(void)
{
    const char *what = wrong();

    if (what)
        puts(what);
    return what != NULL;
}
END
}

write_cxx() {
    write_common
    cat <<'END'

static_assert(sizeof(evpg_param) == 32, "size of struct evpg_param");

static const char *wrong()
{
    evpg_conn_config config = evpg_conn_config_default();
    evpg_hooks hooks = evpg_hooks_default();
    event_base *base = event_base_new();
    evpg_db *db;
    const char *what = wrong_params();

    if (config.size != sizeof(config) || config.max_queued_requests || hooks.log)
        return "defaults";
    config.server_connect_timeout_ms = 2000;
    hooks.log = on_log;
    db = evpg_conn_new(base, "host=/nonexistent", &config);
    if (!db)
        return "evpg_conn_new";
    evpg_set_hooks(db, &hooks, nullptr);
    if (!what)
        what = wrong_query(db);
    evpg_free(db);
    event_base_free(base);
    return what;
}

int main()
{
    const char *what = wrong();

    if (what)
        puts(what);
    return what != nullptr;
}
END
}

# list_compilers COMMAND NAME...: the build's, and those of the names that are here.
list_compilers() {
    local name
    echo "$1"
    for name in "${@:2}"; do
        [[ $name = "$1" ]] || ! command -v "$name" >/dev/null || echo "$name"
    done
}

# compile COMPILER STANDARD ARG...: COMPILER and the flags in the environment are lists of words.
compile() {
    local command
    read -ra command <<<"$1 -std=$2 -Wall -Wextra -Wpedantic -Werror -I$top/include $LIBEVENT_CFLAGS"
    quiet "${command[@]}" "${@:3}"
}

# compile_twice COMPILER STANDARD LANGUAGE HEADER: alone, and once more.
compile_twice() {
    printf '#include <%s>\n' "$4" "$4" >"$tmp/alone.$3"
    compile "$1" "$2" -c "$tmp/alone.$3" -o "$tmp/alone.o"
}

# run_linked COMPILER STANDARD SOURCE: with the built library.
run_linked() {
    local libraries
    read -ra libraries <<<"$EVPG_SANITIZE $build/.libs/libevpg.so $LIBEVENT_LIBS"
    rm -f "$tmp/program"
    compile "$1" "$2" "$3" -o "$tmp/program" "${libraries[@]}" &&
        LD_LIBRARY_PATH=$build/.libs quiet "$tmp/program"
}

# check_language NAME STANDARD SUFFIX COMPILER...: the first compiler is that of the build.
check_language() {
    local name=$1 standard=$2 suffix=$3 header compiler
    shift 3
    for header in "${headers[@]}"; do
        check "$header compiles alone as $name" compile_twice "$1" "$standard" "$suffix" "$header"
    done
    for compiler in "$@"; do
        check "a $name program compiles with $compiler" \
            compile "$compiler" "$standard" -c "$tmp/user.$suffix" -o "$tmp/user.o"
    done
    if [[ ! -e $build/.libs/libevpg.so ]]; then
        skip "the $name program runs" "no shared library was built"
    elif [[ -n $EVPG_SANITIZE && $(family "$1") != $(family "$CC") ]]; then
        skip "the $name program runs" "the library has the sanitizers of another compiler"
    else
        check "the $name program runs" run_linked "$1" "$standard" "$tmp/user.$suffix"
    fi
}

# family COMPILER: clang or gcc, told by a macro.
family() {
    local command
    read -ra command <<<"$1"
    if "${command[@]}" -dM -E -x c /dev/null 2>/dev/null | grep -w __clang__ >/dev/null; then
        echo clang
    else
        echo gcc
    fi
}

find_build
make_tmp
write_c >"$tmp/user.c"
write_cxx >"$tmp/user.cc"
mapfile -t headers < <(cd "$top/include" && ls -- *.h */*.h)
mapfile -t c_compilers < <(list_compilers "$CC" gcc clang)
mapfile -t cxx_compilers < <(list_compilers "$CXX" g++ clang++)

check "there are headers" test "${#headers[@]}" -gt 1
check_language C11 c11 c "${c_compilers[@]}"
if [[ -n $CXX ]]; then
    check_language C++17 c++17 cc "${cxx_compilers[@]}"
else
    skip "the headers in C++" "no C++ compiler"
fi
plan

#!/usr/bin/env bash
# source_install: a TAP test of `make install`, pkg-config's evpg, and `make uninstall`.
#
# It installs below a temporary folder and builds there as a user does: a program of its own and
# examples/hello.c, against the shared and the static library. With EVPG_TEST_SERVER=1 they also
# run. Called by `make check`, or by hand without arguments.
#
# By DESTDIR and not by another prefix, for that reaches every folder, also one that configure was
# given apart from the prefix, and so nothing can land elsewhere. evpg.pc then names folders that
# are not there yet: ours are moved below DESTDIR here, after pkg-config has named them.
# PKG_CONFIG_SYSROOT_DIR would move libevent's and libpq's along with them.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

write_program() {
    cat <<'END'
#include <evpg.h>

#include <event2/event.h>

#include <stdio.h>
#include <string.h>

static int rows;

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    int64_t id;

    (void)arg;
    rows += evpg_row_int64(row, 0, &id) == 0 && id == 42 &&
            strcmp(evpg_row_text_or(row, 1, ""), "Ana") == 0;
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    (void)arg;
    if (evpg_result_error(result))
        fprintf(stderr, "%s\n", evpg_error_message(evpg_result_error(result)));
    evpg_free(evpg_result_db(result));
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct evpg_db *db = evpg_conn_new(base, NULL, NULL);

    if (!db || !evpg_open(db, NULL, NULL) ||
        !evpg_query(db, "select $1::bigint, $2::text",
                    EVPG_PARAMS(evpg_int64(42), evpg_text("Ana")), on_row, on_done, NULL))
        return 2;
    event_base_dispatch(base);
    event_base_free(base);
    printf("%d row, version %s\n", rows, evpg_version());
    return rows != 1 || strcmp(evpg_version(), EVPG_VERSION) != 0;
}
END
}

# A make of its own, that shares no jobs and takes no settings from one that runs this.
make_target() {
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$MAKE" -C "$build" "$1" DESTDIR="$root"
}

list_left() {
    find "$root" ! -type d
}

# evpg_config OPTION...: pkg-config, which shall also print folders that compilers know anyway.
evpg_config() {
    PKG_CONFIG_PATH="$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}" \
        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 \
        "$PKG_CONFIG" "$@" evpg
}

# set_flags LIBDIR OPTION...: what pkg-config prints, ours moved, in the list flags.
set_flags() {
    local text word
    flags=()
    text=$(evpg_config "${@:2}" --cflags --libs) || return
    for word in $text; do
        case $word in
        "-I$includedir") word=-I$root$includedir ;;
        "-L$libdir") word=-L$1 ;;
        esac
        flags+=("$word")
    done
}

# build_user SOURCE PROGRAM LIBDIR OPTION...
build_user() {
    local command
    read -ra command <<<"$CC $EVPG_SANITIZE -Wall -Werror"
    set_flags "${@:3}" && quiet "${command[@]}" "$1" -o "$2" "${flags[@]}"
}

# symbol_type PROGRAM: T when evpg_query is in it, U when a shared library has it.
symbol_type() {
    local nm
    read -ra nm <<<"$NM"
    "${nm[@]}" "$1" | awk '$NF ~ /^evpg_query(@|$)/ { print $(NF - 1) }'
}

is_linked() {
    same "$(symbol_type "$1")" "$2"
}

# check_run NAME COMMAND...: with a server only.
check_run() {
    if [[ ${EVPG_TEST_SERVER-} = 1 ]]; then
        check "$1" quiet "${@:2}"
    else
        skip "$1" "no server: see scripts/with-postgres"
    fi
}

check_shared() {
    local libraries=$root$libdir
    check "a program builds with pkg-config's flags" \
        build_user "$tmp/user.c" "$tmp/user" "$libraries"
    check "it uses the shared library" is_linked "$tmp/user" U
    check_run "it runs" env LD_LIBRARY_PATH="$libraries" "$tmp/user"
    check "examples/hello.c builds so" build_user "$top/examples/hello.c" "$tmp/hello" "$libraries"
    check_run "examples/hello.c runs" env LD_LIBRARY_PATH="$libraries" "$tmp/hello"
}

# Whether what libpq itself names for static linking is on this machine: Debian's libpq-dev does
# not depend on all of it.
static_libpq_is_here() {
    local command
    read -ra command <<<"$CC $("$PKG_CONFIG" --static --libs libpq libevent)" &&
        echo 'int main(void) { return 0; }' >"$tmp/empty.c" &&
        "${command[0]}" "$tmp/empty.c" -o "$tmp/empty" "${command[@]:1}" >/dev/null 2>&1
}

# build_with_archive: the static library by its name, libpq and libevent shared.
build_with_archive() {
    local command libraries
    read -ra command <<<"$CC $EVPG_SANITIZE -Wall -Werror -I$root$includedir $LIBEVENT_CFLAGS"
    read -ra libraries <<<"$("$PKG_CONFIG" --libs libpq) $LIBEVENT_LIBS"
    quiet "${command[@]}" "$tmp/user.c" -o "$tmp/user-archive" "$1" "${libraries[@]}"
}

# In a folder of its own, or else the linker prefers the shared one.
check_static() {
    mkdir "$tmp/static"
    cp "$root$libdir/libevpg.a" "$tmp/static"
    check "a program builds with libevpg.a, libpq and libevent" \
        build_with_archive "$tmp/static/libevpg.a"
    check_run "it runs without libevpg.so" "$tmp/user-archive"
    if ! static_libpq_is_here; then
        skip "a program builds with pkg-config --static" \
            "what pkg-config --static --libs libpq names is not installed"
        return
    fi
    check "a program builds with pkg-config --static" \
        build_user "$tmp/user.c" "$tmp/user-static" "$tmp/static" --static
    check "it has the library in it" is_linked "$tmp/user-static" T
    check_run "it too runs without libevpg.so" "$tmp/user-static"
}

find_build
make_tmp
root=$tmp/root
write_program >"$tmp/user.c"
mkdir "$root"

check "make install" quiet make_target install
pc=$(find "$root" -name evpg.pc)
check "evpg.pc is installed" test -s "$pc"
includedir=$(evpg_config --variable=includedir)
libdir=$(evpg_config --variable=libdir)
check "the public headers are installed, and no others" \
    silent diff -r "$top/include" "$root$includedir"
check "pkg-config has the headers' version" same "\"$(evpg_config --modversion)\"" \
    "$(sed -n 's/^#define EVPG_VERSION //p' "$top/include/evpg/common.h")"
if [[ -e $build/.libs/libevpg.so ]]; then
    check_shared
else
    skip "a program with the shared library" "none was built"
fi
if [[ -e $build/.libs/libevpg.a ]]; then
    check_static
else
    skip "a program with the static library" "none was built"
fi
check "make uninstall" quiet make_target uninstall
check "make uninstall leaves no file" silent list_left
plan

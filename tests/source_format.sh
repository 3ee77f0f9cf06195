#!/usr/bin/env bash
# source_format: a TAP test by tools that a developer may have: clang-format, clang, shellcheck.
#
# What is not installed is skipped, and so are other versions of clang-format than the one the
# sources are formatted with, for each formats differently. Called by `make check`, or by hand
# without arguments.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"

format_version=14

# major COMMAND: the first number of its version.
major() {
    "$1" --version | sed -nE 's/.*version ([0-9]+).*/\1/p' | head -n 1
}

# The formatter of our version, by its versioned name or the plain one; else nothing.
find_formatter() {
    local name
    for name in "clang-format-$format_version" clang-format; do
        if command -v "$name" >/dev/null && [[ $(major "$name") = "$format_version" ]]; then
            echo "$name"
            return
        fi
    done
}

# syntax OPTION FILE...: clang finds nothing in any of them; the option may be empty.
syntax() {
    local flags file status=0
    read -ra flags <<<"-Iinclude -Ilib -I$build -DHAVE_CONFIG_H $LIBEVENT_CFLAGS $libpq_cflags"
    for file in "${@:2}"; do
        quiet clang -fsyntax-only -Wall -Wextra -Werror "${flags[@]}" ${1:+"$1"} "$file" || status=1
    done
    return "$status"
}

# Scripts are what is named .sh or says so in its first line.
list_scripts() {
    find scripts bench tests .ci -type f 2>/dev/null | sort | while read -r file; do
        [[ $file != *.sh ]] && ! head -n 1 "$file" | grep -aq '^#!.*sh$' || echo "$file"
    done
}

find_build
cd "$top" || exit
libpq_cflags=$("$PKG_CONFIG" --cflags libpq)
mapfile -t sources < <(find lib include examples bench tests -name '*.[ch]' | sort)
mapfile -t scripts < <(list_scripts)

formatter=$(find_formatter)
if [[ -n $formatter ]]; then
    check "clang-format has nothing to change" \
        quiet "$formatter" --style=file:.clang-format --dry-run -Werror "${sources[@]}"
else
    skip "clang-format" "clang-format $format_version is not installed"
fi

if command -v clang >/dev/null; then
    check "clang has nothing to say of lib/" syntax "" lib/*.c
    check "nor with what older versions of libpq have" syntax -DEVPG_NO_LIBPQ17=1 lib/*.c
    check "clang has nothing to say of examples/" syntax "" examples/*.c
    check "clang has nothing to say of bench/" syntax "" bench/*.c
else
    skip "clang" "clang is not installed"
fi

if command -v shellcheck >/dev/null; then
    check "shellcheck has nothing to say" quiet shellcheck -x "${scripts[@]}"
else
    skip "shellcheck" "shellcheck is not installed"
fi
plan

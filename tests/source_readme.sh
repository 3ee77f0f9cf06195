#!/usr/bin/env bash
# source_readme: a TAP test that README.md and the texts in doc speak of what there is.
#
# README.md shows examples/cursos_concluidos.c whole, and that file it must be, byte for byte. The
# other pieces of C of a text compile, together. doc/VALUES.md names all there is for values. The
# paths in the texts, in backticks or in blocks of code other than C, must exist. Called by
# `make check`, or by hand without arguments; it needs a compiler, and no build.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"
export LC_ALL=C

example=examples/cursos_concluidos.c
documents=(README.md doc/DESIGN.md doc/VALUES.md doc/POOL.md doc/LISTEN.md doc/BATCHES.md \
    doc/TRANSACTIONS.md)

# split_c_blocks FILE: puts each fenced block of C into a file of its own, $tmp/block.NUMBER.
split_c_blocks() {
    rm -f "$tmp"/block.*
    awk -v prefix="$tmp/block." '
        /^```/ {
            inside = !inside && $0 ~ /^```[ \t]*[cC][ \t]*$/
            blocks += inside
            next
        }
        inside { print >(prefix sprintf("%03d", blocks)) }
    ' "$1"
}

# The block that starts as the example does, with its first three lines, must go on as it does.
shows_the_example() {
    local block found=no
    split_c_blocks README.md
    for block in "$tmp"/block.*; do
        [[ -s $block && $(head -n 3 "$block") = $(head -n 3 "$example") ]] || continue
        found=yes
        same_file "$block" "$example" || return
    done
    [[ $found = yes ]] || {
        echo "# no block of C starts with the first three lines of $example"
        return 1
    }
}

# print_pieces FILE: the other blocks, as they would be in one file; #line has the compiler name them.
print_pieces() {
    local block
    split_c_blocks "$1"
    for block in "$tmp"/block.*; do
        [[ -s $block && $(head -n 3 "$block") != $(head -n 3 "$example") ]] || continue
        echo "#line 1 \"$1, piece ${block##*.}\""
        cat "$block"
    done
}

# A piece need not be used by another one.
pieces_compile() {
    local command
    read -ra command <<<"${CC-cc} -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function \
        -fsyntax-only -Iinclude ${LIBEVENT_CFLAGS-} -x c -"
    print_pieces "$1" >"$tmp/pieces.c"
    grep -q evpg_ "$tmp/pieces.c" && quiet "${command[@]}" <"$tmp/pieces.c"
}

# Getters, what they are scanned into, and makers of parameters: all that the headers have.
list_value_functions() {
    cat include/evpg/*.h | tr -s '\n ' ' ' |
        grep -oE 'EVPG_EXPORT ([a-z_0-9]+ )+[ *]*evpg_[a-z0-9_]+\(' |
        grep -E 'evpg_(row|to|timestamp|date)_[a-z0-9_]*\($|evpg_if_any\($|struct evpg_param evpg_' |
        grep -oE 'evpg_[a-z0-9_]+\($' | tr -d '('
}

list_unnamed() {
    local name
    list_value_functions | while read -r name; do
        grep -qw "$name" doc/VALUES.md || echo "doc/VALUES.md does not name $name()"
    done
}

# The members of struct evpg_pool_config.
list_pool_settings() {
    awk '/^struct evpg_pool_config \{/ { inside = 1 } inside && /^};/ { exit } inside' \
        include/evpg/pool.h | grep -vE '^ *(/?\*|struct evpg_pool_config)' |
        grep -oE '[a-z_]+;' | tr -d ';' | grep -vx size
}

list_unnamed_settings() {
    local name
    list_pool_settings | while read -r name; do
        grep -qE "^\|.*\`$name\`.*\|" doc/POOL.md || echo "the table in doc/POOL.md has no $name"
    done
}

# print_code FILE: what is between backticks, which may go over a line's end, and blocks of code,
# indented or fenced, but not those of C.
print_code() {
    awk '
        function flush(    parts, n, i) {
            n = split(paragraph, parts, "`")
            for (i = 2; i <= n; i += 2)
                print parts[i]
            paragraph = ""
        }
        /^[ \t]*```/ {
            flush()
            fence = fence ? "" : $0
            next
        }
        fence ~ /^[ \t]*```[ \t]*[cC]([^a-zA-Z]|$)/ { next }
        fence { print; next }
        /^[ \t]*$/ { flush(); next }
        /^(    |\t)/ && !paragraph { print; next }
        { paragraph = paragraph " " $0 }
        END { flush() }
    ' "$1"
}

# list_paths FILE: the words of that which start as a path of the repository does.
list_paths() {
    print_code "$1" | tr -s ' \t,;()"'"'" '\n' | sed -E 's|^\./||; s/(:[0-9-]*|[.:])*$//' |
        grep -E '^(lib|tests|examples|scripts|include|doc)/' | sort -u
}

# is_here PATH: or its source, or some file when it is a pattern.
is_here() {
    [[ -e $1 || -e $1.c ]] || compgen -G "$1" >/dev/null
}

list_missing() {
    local file path
    for file in "${documents[@]}"; do
        list_paths "$file" | while read -r path; do
            is_here "$path" || echo "$file names $path, which is not there"
        done
    done
}

# names PATH: README.md does, in code.
names() {
    print_code README.md | grep -E "(^|[ /])$1( |\$)" >/dev/null
}

find_tree
make_tmp
cd "$top" || exit
for file in "${documents[@]}"; do
    check "there is $file" test -s "$file"
done
check "README.md shows $example as it is" shows_the_example
for file in README.md doc/VALUES.md doc/POOL.md doc/LISTEN.md doc/BATCHES.md doc/TRANSACTIONS.md; do
    check "the pieces of C in $file compile" pieces_compile "$file"
done
check "there are functions for values" test "$(list_value_functions | wc -l)" -gt 80
check "doc/VALUES.md names them all" silent list_unnamed
check "a pool has settings" test "$(list_pool_settings | wc -l)" -gt 25
check "doc/POOL.md has them all" silent list_unnamed_settings
check "README.md names scripts/demo" names scripts/demo
check "README.md names scripts/check" names scripts/check
check "the paths that are named exist" silent list_missing
plan

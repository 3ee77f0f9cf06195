#!/usr/bin/env bash
# source_size: a TAP test of how long files and functions are, and of each file's head comment.
#
# A function is measured from the first line of its head to its closing brace. By the style of the
# house its opening and closing braces stand alone at the start of a line; where that is not so,
# a test fails rather than not to count it. Called by `make check`, or by hand without arguments;
# it needs no build.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"
export LC_ALL=C

max_file=450
max_function=80
max_median=12
min_comment=5
max_comment=15

list_long_files() {
    local file lines
    for file in lib/*.[ch] include/*.h include/*/*.h; do
        lines=$(wc -l <"$file")
        [[ $lines -le $max_file ]] || echo "$file has $lines lines, more than $max_file"
    done
}

# Lines of: LENGTH FILE:LINE HEAD.
list_functions() {
    awk '
        FNR == 1 { start = 0 }
        $0 == "{" && start { inside = 1 }
        $0 == "}" && inside {
            print FNR - start + 1, FILENAME ":" start, head
            inside = start = 0
        }
        inside { next }
        /^[A-Za-z_]/ && !start { start = FNR; head = $0 }
        /[;}]$|^$|^#|\*\/$/ { start = 0 }
    ' lib/*.c
}

list_long_functions() {
    awk -v max="$max_function" '$1 > max { print "more than " max " lines: " $0 }' "$tmp/functions"
}

# The lower one of the two in the middle, when their number is even.
median() {
    sort -n "$tmp/functions" | awk '{ length_of[NR] = $1 } END { print length_of[int((NR + 1) / 2)] }'
}

median_is_low() {
    local median
    median=$(median)
    echo "# the median of $(wc -l <"$tmp/functions") functions is $median lines"
    [[ $median -le $max_median ]]
}

list_odd_braces() {
    grep -nE '^[^ \t#/].*\) *\{|^[{}][^;]' lib/*.c
}

# Each brace that stands alone opens a function, and list_functions has seen it.
all_are_measured() {
    same "$(wc -l <"$tmp/functions")" "$(cat lib/*.c | grep -c '^{$')"
}

# describe_head FILE: what is wrong with its beginning; or nothing.
describe_head() {
    awk -v file="$1" -v min="$min_comment" -v max="$max_comment" '
        BEGIN {
            name = file
            gsub(/^.*\/|\.c$/, "", name)
        }
        NR == 1 && !/^\/\* SPDX-License-Identifier: [A-Za-z0-9.-]+ \*\/$/ { wrong = "no SPDX line" }
        NR == 2 && $0 != "/*" { wrong = "no comment after the SPDX line" }
        NR == 3 && index($0, " * " name ": ") != 1 { wrong = "the comment does not start with " name ": " }
        NR > 1 && / \*\/$/ && !last { last = NR }
        END {
            if (!wrong && (last - 1 < min || last - 1 > max))
                wrong = "the comment has " last - 1 " lines, not " min " to " max
            if (wrong)
                print file ": " wrong
        }
    ' "$1"
}

list_bad_heads() {
    local file
    for file in lib/*.c; do
        describe_head "$file"
    done
}

find_tree
make_tmp
cd "$top" || exit
list_functions >"$tmp/functions"

check "no file is longer than $max_file lines" silent list_long_files
check "there are functions" test -s "$tmp/functions"
check "functions have their braces on lines of their own" silent list_odd_braces
check "all functions are measured" all_are_measured
check "no function is longer than $max_function lines" silent list_long_functions
check "the median function has at most $max_median lines" median_is_low
check "each file starts by saying what it is" silent list_bad_heads
plan

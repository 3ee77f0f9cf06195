#!/usr/bin/env bash
# source_layers: a TAP test of what the files of lib/ may use.
#
# lib/ has layers, listed below: a file includes headers of its own layer or of lower ones. Memory
# comes from mem.c alone, libpq's versions are looked at in pq.c alone, and nothing in lib/ prints,
# ends the process or handles signals. Called by `make check`, or by hand without arguments; it
# needs no build.
#
# Exit status: 0; the verdicts are in the output, as TAP has it.
set -uo pipefail

# shellcheck source=tests/lib/tap.sh
. "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/..}/tests/lib/tap.sh"
export LC_ALL=C

# The files by layer; op_ stands for all that start with it.
layers=(
    "mem log err budget arena"
    "pq cancel_thread"
    "db req deadline result params param_parts param_text param_binary params_packed params_scalar params_time \
        row row_parts row_scalar row_scan row_time type value value_array value_binary value_bit value_interval \
        value_net value_numeric value_part value_range value_record value_text value_time value_time_binary \
        scan histogram stats backoff calendar settings sqlword stmt types quote role address conninfo login"
    "conn open close cancel cancel_request cancel_job timeout connect attempt resolve io news parameters pipeline answer group queue"
    "op_"
    "lease batch tx tx_config tx_db tx_leave tx_parts tx_start"
    "listener listener_channels listener_config listener_connect pool pool_close pool_config pool_connect pool_dispatch pool_lease pool_login pool_policy pool_slots pool_standby pool_stats metrics pool_turn pool_upkeep"
)

# layer_of FILE: its number; nothing when it is in no layer.
layer_of() {
    local name=${1##*/} i
    name=${name%.[ch]}
    [[ $name != op_?* ]] || name=op_
    for i in "${!layers[@]}"; do
        [[ " ${layers[i]} " != *" $name "* ]] || echo "$i"
    done
}

# Both headers in quotes and, where lib/ has a file of that name, those in angle brackets.
list_includes() {
    sed -nE 's/^([^:]*):[0-9]*:[ \t]*#[ \t]*include[ \t]*(["<])([^">]*)[">].*/\1 \2 \3/p' \
        "$tmp/code_with_literals" |
        while read -r file quote header; do
            [[ $quote = '<' && ! -e lib/$header ]] || echo "$file $header"
        done
}

list_files_of_no_layer() {
    local file
    for file in "${files[@]}"; do
        [[ -n $(layer_of "$file") ]] || echo "$file is in no layer: see the list in $0"
    done
}

# A name in the list whose file is gone.
list_layers_of_no_file() {
    local name
    # shellcheck disable=SC2068 # the list's words
    for name in ${layers[@]}; do
        [[ $name = op_ || -e lib/$name.c ]] || echo "$name is in a layer, and there is no lib/$name.c"
    done
}

list_bad_includes() {
    local file header own used
    list_includes | while read -r file header; do
        own=$(layer_of "$file")
        used=$(layer_of "$header")
        if [[ ! -e lib/$header || -z $used ]]; then
            echo "$file includes \"$header\", which is no private header of a known layer"
        elif [[ -n $own && $used -gt $own ]]; then
            echo "$file of layer $own includes \"$header\" of layer $used"
        fi
    done
}

# list_calls NAME...: direct calls, not those of a struct's members.
list_calls() {
    local names
    names=$(IFS='|' && echo "$*")
    grep -E "(:|[^A-Za-z0-9_.>])($names)[ \t]*\(" "$tmp/code"
}

# list_uses NAME...: calls and all other mentions in code.
list_uses() {
    local names
    names=$(IFS='|' && echo "$*")
    grep -wE "$names" "$tmp/code"
}

list_memory_calls() {
    {
        list_uses malloc calloc realloc reallocarray aligned_alloc posix_memalign alloca \
            strdup strndup asprintf vasprintf getline
        list_calls free
    } | grep -v '^lib/mem\.c:'
}

list_forbidden_calls() {
    list_calls printf vprintf fprintf vfprintf dprintf puts fputs putchar putc fputc fwrite perror \
        syslog exit _exit _Exit quick_exit atexit abort raise signal sigaction sigprocmask \
        assert
    list_calls pthread_sigmask | grep -v '^lib/cancel_thread\.c:' # for its own thread
}

list_version_looks() {
    grep -n LIBPQ_HAS_ "${files[@]}" | grep -v '^lib/pq\.c:'
}

list_unfinished() {
    grep -nwE 'TODO|FIXME|XXX' "${files[@]}"
}

find_tree
make_tmp
cd "$top" || exit
files=(lib/*.c lib/*.h)
awk -f tests/lib/c_code.awk "${files[@]}" >"$tmp/code"
awk -v literals=1 -f tests/lib/c_code.awk "${files[@]}" >"$tmp/code_with_literals"

check "there are sources and their includes" test -s "$tmp/code" -a -n "$(list_includes)"
check "each file is in a layer" silent list_files_of_no_layer
check "each name in the layers has its file" silent list_layers_of_no_file
check "no file includes a header of a higher layer" silent list_bad_includes
check "only mem.c allocates" silent list_memory_calls
check "only pq.c looks at libpq's versions" silent list_version_looks
check "nothing prints, ends the process or handles signals" silent list_forbidden_calls
check "nothing is unfinished" silent list_unfinished
plan

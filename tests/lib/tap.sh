# shellcheck shell=bash
# Sourced by the test scripts: writes TAP (Test Anything Protocol), and says where things are.
#
#   check NAME COMMAND...      a test: COMMAND succeeds; it says why not in lines that start with #
#   skip NAME REASON           a test that cannot be run here
#   skip_all REASON            ends the script, of which nothing can be run here
#   plan                       how many tests there were; the last line
#
# and for COMMAND:
#
#   same GOT EXPECTED          equal texts
#   quiet COMMAND...           the output is shown only when COMMAND fails
#   silent COMMAND...          fails when there is any output, whatever the status
#   same_file GOT EXPECTED     equal files
#
# make_tmp sets $tmp, a folder that is gone when the script has ended. find_tree sets $top, the
# source's root, and find_build sets $build, the build folder, and what else AM_TESTS_ENVIRONMENT
# has; by hand, without `make check`, that is taken from the build folder's Makefile.

count=0

check() {
    local name=$1
    shift
    count=$((count + 1))
    if "$@"; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        echo "# failed: $*"
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}

plan() {
    echo "1..$count"
}

same() {
    [[ $1 = "$2" ]] || {
        echo "# got '$1', expected '$2'"
        return 1
    }
}

# diagnose: a text from stdin, so that TAP does not take it for verdicts.
diagnose() {
    sed 's/^/# /'
}

quiet() {
    local output status=0
    output=$("$@" 2>&1) || status=$?
    [[ $status -eq 0 ]] || {
        echo "status $status"
        echo "$output" | tail -n 40
    } | diagnose
    return "$status"
}

silent() {
    local output
    output=$("$@" 2>&1)
    [[ -z $output ]] || {
        echo "$output" | head -n 40 | diagnose
        return 1
    }
}

same_file() {
    silent diff "$2" "$1"
}

make_tmp() {
    tmp=$(mktemp -d) || exit
    trap 'rm -rf "$tmp"' EXIT
}

find_tree() {
    top=$(cd "${top_srcdir:-$(dirname "${BASH_SOURCE[0]}")/../..}" && pwd) || exit
}

# made NAME: the value of a variable of the build folder's Makefile.
made() {
    sed -n "s|^$1 = *||p" "$build/Makefile"
}

# By hand: the working directory, or else one of those that scripts/check and scripts/demo use.
find_build() {
    local folder
    find_tree
    for folder in "${top_builddir:-.}" "$top/build/plain" "$top/build/asan" "$top/build/demo"; do
        [[ -z ${top_builddir-} && ! -e $folder/libevpg.la ]] || break
    done
    [[ -e $folder/libevpg.la ]] || {
        echo "Bail out! No build in $folder: set top_builddir, or run scripts/check"
        exit 1
    }
    build=$(cd "$folder" && pwd) || exit
    : "${CC=$(made CC)}" "${CXX=$(made CXX_FOR_TESTS)}" "${NM=$(made NM)}" "${MAKE=make}" \
        "${LIBEVENT_CFLAGS=$(made LIBEVENT_CFLAGS)}" "${LIBEVENT_LIBS=$(made LIBEVENT_LIBS)}" \
        "${EVPG_SANITIZE=$(made EVPG_SANITIZE)}" "${DOXYGEN=$(made DOXYGEN)}" \
        "${PKG_CONFIG=$(made PKG_CONFIG)}"
}

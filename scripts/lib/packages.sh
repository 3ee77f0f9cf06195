# shellcheck shell=bash
# Sourced by scripts/demo, check, bench and fuzz: makes sure that what they need is on this machine.
#
#   need_packages PURPOSE...      purposes: build, server, test, browser, bench, fuzz, root
#   want_packages PURPOSE...      the same, but goes on without what cannot be had, and says so
#   print_packages PURPOSE...     the packages' names, installed or not
#
# Quiet when nothing is missing. On Debian and its like, what is missing is installed: as root, or
# through sudo where that asks for no password. Packages that are there are not upgraded, and where
# a dependency makes an upgrade inevitable, that is said. Elsewhere, or without the rights, what
# to install is printed and the calling script ends with status 2.
#
# Debian's server package creates a cluster of its own, "main", and starts it. While we install
# the package, a file in createcluster.d forbids that; afterwards the file is taken away again. Its
# PgBouncer would run as a service, which policy-rc.d forbids meanwhile; then it is disabled.

# The Debian package, and by what its presence is told here, on any system.
print_needs() {
    case $1 in
    build)
        echo "gcc          command cc"
        echo "libc6-dev    header  stdio.h"
        echo "make         command make"
        echo "autoconf     command autoreconf"
        echo "automake     command automake"
        echo "libtool      command libtoolize"
        echo "pkgconf      command pkg-config"
        echo "libpq-dev    module  libpq"
        echo "libevent-dev module  libevent"
        echo "uthash-dev   header  uthash.h"
        ;;
    server)
        echo "postgresql        server  -"
        echo "postgresql-client command psql"
        ;;
    test)
        echo "g++     command c++"
        echo "check   module  check"
        echo "doxygen command doxygen"
        echo "iproute2 command ip"
        echo "openssl command openssl"
        echo "libssl-dev module openssl"
        echo "pgbouncer command pgbouncer"
        ;;
    browser)
        echo "chromium command chromium"
        echo "chromium-driver command chromedriver"
        echo "curl command curl"
        ;;
    bench)
        echo "valgrind command valgrind"
        echo "strace command strace"
        ;;
    fuzz)
        echo "clang command clang"
        echo "libclang-rt-$(clang_version)-dev fuzzer -"
        ;;
    root)
        echo "mmdebstrap command mmdebstrap"
        ;;
    esac
}

# The first number of clang's version, of the one that is here or of the one that would be installed.
clang_version() {
    if command -v clang >/dev/null; then
        clang -dumpversion
    else
        apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1./p'
    fi | sed 's/\..*//'
}

link_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *at, long size) { return *at && size; }' |
        clang -fsanitize=fuzzer,address,undefined -x c - -o /dev/null
}

print_packages() {
    local purpose
    for purpose in "$@"; do
        print_needs "$purpose" | awk '{ print $1 }'
    done
}

# present KIND NAME
present() {
    case $1 in
    command) PATH=$PATH:/usr/sbin command -v "$2" ;;
    header) echo "#include <$2>" | cc -E - ;;
    module) pkg-config --exists "$2" ;;
    fuzzer) link_fuzzer ;;
    server) scripts/with-postgres --bindir ;;
    esac >/dev/null 2>&1
}

missing_packages() {
    local purpose package kind name
    for purpose in "$@"; do
        while read -r package kind name; do
            present "$kind" "$name" || echo "$package"
        done < <(print_needs "$purpose")
    done
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold "$@" </dev/null
}

# Ends the script when what is missing cannot be installed from here.
require_rights() {
    if ! command -v apt-get >/dev/null; then
        echo "Missing here, by the names of Debian's packages: $*" >&2
        exit 2
    fi
    [[ $EUID -ne 0 ]] || return 0
    ! sudo -n true 2>/dev/null || return 0
    echo "Missing here: $*. As root, run:" >&2
    echo "  apt-get install --no-install-recommends $*" >&2
    [[ " $* " != *" postgresql "* ]] ||
        echo "(installing postgresql also creates and starts a cluster, \"main\")" >&2
    [[ " $* " != *" pgbouncer "* ]] ||
        echo "(installing pgbouncer also starts it as a service, until it is disabled)" >&2
    exit 2
}

# with_no_main_cluster COMMAND...: runs it while installing a server creates no cluster.
with_no_main_cluster() (
    config=/etc/postgresql-common
    file=$config/createcluster.d/evpg.conf
    as_root mkdir -p "${file%/*}" || exit
    trap 'as_root rm -f "$file"; as_root rmdir -p --ignore-fail-on-non-empty "${file%/*}"' EXIT
    echo "create_main_cluster = false" | as_root tee "$file" || exit
    if [[ -e $config/createcluster.conf ]] &&
        [[ $(pg_conftool "$config/createcluster.conf" show -bs create_main_cluster) != off ]]; then
        echo "$config/createcluster.conf does not read $config/createcluster.d;"
        echo "installing a server would start a cluster: please install postgresql yourself."
        exit 2
    fi
    "$@"
)

# with_no_pooler COMMAND...: runs it while installing a package starts no service; nor does booting
# start PgBouncer, later. Where there is a policy-rc.d already, that one decides what is started.
with_no_pooler() (
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" || exit
        as_root chmod 755 "$policy" || exit
    fi
    "$@" && as_root update-rc.d pgbouncer disable
)

install_packages() {
    local upgrades install=(apt_get install --no-upgrade --no-install-recommends "$@")
    apt_get update || echo "Going on with the lists of packages that are here."
    upgrades=$("${install[@]}" --simulate |
        awk '$1 == "Inst" && $3 ~ /^\[/ { print $2 }' | sort -u | tr '\n' ' ')
    [[ -z $upgrades ]] || echo "Upgraded because these packages depend on it: $upgrades" >&3
    [[ " $* " != *" postgresql "* ]] || install=(with_no_main_cluster "${install[@]}")
    [[ " $* " != *" pgbouncer "* ]] || install=(with_no_pooler "${install[@]}")
    "${install[@]}"
}

need_packages() {
    local missing log
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -gt 0 ]] || return 0
    require_rights "${missing[@]}"
    echo "Installing what is missing: ${missing[*]}"
    log=$(mktemp)
    install_packages "${missing[@]}" 3>&1 >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        rm -f "$log"
        exit 2
    }
    rm -f "$log"
    mapfile -t missing < <(missing_packages "$@")
    [[ ${#missing[@]} -eq 0 ]] || {
        echo "Installed, and yet not found: ${missing[*]}" >&2
        exit 2
    }
}

want_packages() {
    local missing
    (need_packages "$@") || {
        mapfile -t missing < <(missing_packages "$@")
        echo "Going on without: ${missing[*]}. The tests that need them are skipped."
    }
}

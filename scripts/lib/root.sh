# shellcheck shell=bash
# Sourced by scripts/check and scripts/bench: runs them in another Debian, whose libraries are older
# or newer.
#
#   why_no_root SUITE                  prints why it cannot be had here; nothing when it can
#   run_in_root SUITE SCRIPT [ARG]...  the script on a copy of this tree, in a root of that suite
#
# The root is made once by mmdebstrap, with all that the scripts need in it, and kept in
# $XDG_CACHE_HOME/evpg (~/.cache/evpg); remove that folder to have it made anew. It is mounted and
# entered in a mount namespace of its own, which leaves no mounts behind.

root_folder() {
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/evpg/$1"
}

why_no_root() {
    if [[ $1 != bookworm && $1 != trixie ]]; then
        echo "no Debian known as $1, only bookworm and trixie"
    elif [[ $EUID -ne 0 ]]; then
        echo "only root can make and enter another Debian"
    elif ! unshare --mount true 2>/dev/null; then
        echo "this system allows no mount namespaces"
    elif ! command -v mmdebstrap >/dev/null && ! command -v apt-get >/dev/null; then
        echo "there is no mmdebstrap"
    fi
}

# make_root SUITE: where there is none yet; a root that was not finished does not count.
make_root() {
    local root include
    root=$(root_folder "$1")
    [[ ! -d $root ]] || return 0
    rm -rf --one-file-system "$root.new"
    mkdir -p "${root%/*}"
    include=$(print_packages build server test | tr '\n' ',')
    mmdebstrap --variant=minbase --include="${include%,}" "$1" "$root.new" &&
        mv "$root.new" "$root"
}

# copy_tree FOLDER: what belongs to the tree, changed or not; nothing that was built.
copy_tree() {
    if [[ -e .git ]]; then
        git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -c
    else
        tar --exclude=./build -c .
    fi | tar -x -C "$1"
}

# enter_root ROOT FOLDER SCRIPT [ARG]...: in a mount namespace.
enter_root() {
    # shellcheck disable=SC2016 # these are for the other shell
    unshare --mount bash -euc '
        root=$1 folder=$2
        shift 2
        mount -t proc proc "$root/proc"
        mkdir -p "$root/dev/shm" "$root/dev/pts"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t devpts devpts "$root/dev/pts"
        exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root LANG=C.UTF-8 TERM=dumb EVPG_IN_ROOT=1 sh -c '\''cd "$0" && exec "$@"'\'' \
            "$folder" "$@"' - "$@"
}

run_in_root() {
    local suite=$1 root folder status=0
    shift
    root=$(root_folder "$suite")
    step "$suite: make the root" make_root "$suite" || return
    folder=$(mktemp -d "$root/srv/evpg.XXXXXX") || return
    chmod 755 "$folder"
    copy_tree "$folder" && enter_root "$root" "${folder#"$root"}" "$@" || status=$?
    if [[ $status -ne 0 && -d $folder/build/log ]]; then
        mkdir -p build/log
        rm -rf "build/log/$suite"
        cp -a "$folder/build/log" "build/log/$suite"
    fi
    rm -rf --one-file-system "$folder"
    return "$status"
}

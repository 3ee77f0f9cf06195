# shellcheck shell=bash
# Sourced by scripts/demo and scripts/check: quiet steps, each with its own log, and the build.
# The working directory is the repository's root; logs go to build/log.
#
#   step TITLE COMMAND...         returns COMMAND's status; prints the log's end when it failed
#   step_log TITLE                the name of that step's log
#   bootstrap                     makes ./configure, as a release has it, where there is none
#   configure_in DIR [OPTION]...  configures out of tree in DIR

step_log() {
    local name=${1//: /-}
    echo "build/log/${name// /-}.log"
}

step() {
    local title=$1 status=0 start=$SECONDS log
    shift
    log=$(step_log "$title")
    mkdir -p build/log
    printf '%s ... ' "$title"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [[ $status -eq 0 ]]; then
        echo "$((SECONDS - start)) s"
    else
        echo "failed after $((SECONDS - start)) s; the end of $log:"
        tail -n 25 "$log"
    fi
    return "$status"
}

bootstrap() {
    [[ -x configure ]] || autoreconf -fi
}

configure_in() {
    local dir=$1
    shift
    mkdir -p "$dir"
    (cd "$dir" && ../../configure "$@")
}

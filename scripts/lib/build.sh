# shellcheck shell=bash
# Sourced by scripts/demo, check and bench: quiet steps, each with its own log, and the build.
# The working directory is the repository's root; logs go to build/log.
#
#   step TITLE COMMAND...         returns COMMAND's status; prints the log's end when it failed
#   quiet_step TITLE COMMAND...   the same without the log
#   show_step_log TITLE           the log's end
#   bootstrap                     makes ./configure, as a release has it, where there is none
#   configure_in DIR [OPTION]...  configures out of tree in DIR

step_log() {
    local name=${1//: /-}
    echo "build/log/${name// /-}.log"
}

quiet_step() {
    local title=$1 status=0 start=$SECONDS
    shift
    mkdir -p build/log
    printf '%s ... ' "$title"
    "$@" >"$(step_log "$title")" 2>&1 </dev/null || status=$?
    [[ $status -eq 0 ]] || printf 'failed after '
    echo "$((SECONDS - start)) s"
    return "$status"
}

show_step_log() {
    local log
    log=$(step_log "$1")
    echo "--- the end of $log"
    tail -n 25 "$log"
}

step() {
    local status=0
    quiet_step "$@" || status=$?
    [[ $status -eq 0 ]] || show_step_log "$1"
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

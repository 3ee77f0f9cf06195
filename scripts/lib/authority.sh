# shellcheck shell=bash
# Sourced by scripts/with-postgres: certificates for tests, all of them worth nothing.
#
#   make_authority FOLDER     makes there:
#     root.crt other-root.crt             two authorities that know nothing of each other
#     good expired wrong-host other-ca    the server's, each .crt and .key: for "localhost" and
#                                         127.0.0.1, of the past, for another host, and by the
#                                         other authority
#     client                              of a user, evpg_cert
#     garbage.crt                         no certificate at all
#
# Needs openssl. Prints what that has to say only when it fails.

# new_key NAME SUBJECT: a key and a request for a certificate.
new_key() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" \
        -keyout "$1.key" -out "$1.csr"
}

# new_root NAME: an authority.
new_root() {
    new_key "$1" "evpg test $1" &&
        openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 3650 -out "$1.crt" \
            -extfile <(echo "basicConstraints=critical,CA:TRUE")
}

# new_certificate NAME ROOT SUBJECT ALTERNATIVE-NAMES OPTION...: the options say how long it is good.
new_certificate() {
    new_key "$1" "$3" &&
        openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial "${@:5}" \
            -out "$1.crt" -extfile <(echo "${4:+subjectAltName=$4}")
}

# Older versions of openssl take days that have passed, newer ones dates.
set_past() {
    past=(-days -1)
    ! openssl x509 -help 2>&1 | grep -q -- '-not_after' ||
        past=(-not_before 20200101000000Z -not_after 20200102000000Z)
}

make_all_certificates() {
    local here=DNS:localhost,IP:127.0.0.1 long=(-days 3650) past
    set_past
    new_root root && new_root other-root &&
        new_certificate good root localhost "$here" "${long[@]}" &&
        new_certificate expired root localhost "$here" "${past[@]}" &&
        new_certificate wrong-host root wrong.example DNS:wrong.example "${long[@]}" &&
        new_certificate other-ca other-root localhost "$here" "${long[@]}" &&
        new_certificate client root evpg_cert "" "${long[@]}" &&
        echo "this is no certificate" >garbage.crt &&
        rm -f ./*.csr ./*.srl
}

make_authority() (
    umask 077
    mkdir -p "$1" && cd "$1" || exit
    output=$(make_all_certificates 2>&1) || {
        echo "$output" >&2
        exit 1
    }
    chmod 755 . && chmod 644 ./*.crt
)

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sins: see sins.h.
 *
 * Used by the sweep, which has each said at each place of a session, and by the test of phases. A
 * message is its type, its length, which counts itself, and its body (PostgreSQL manual, "Message
 * Formats").
 */
#include "sins.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BODY(text) text, sizeof(text) - 1
#define NONE "", 0

#define ERROR_BODY(severity, sqlstate)                                                             \
    BODY("S" severity "\0V" severity "\0C" sqlstate "\0Mscripted\0\0")
#define COLUMN "column\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X512 X64 X64 X64 X64 X64 X64 X64 X64

enum { LIE = -1 }; /* for a length of 0 */

const struct sin sins[] = {
    /* lengths */
    {"length 3", REFUSED, {{'C', BODY("SELECT 1\0"), 3}}, 0},
    {"length 0", REFUSED, {{'D', BODY("\0\1\0\0\0\1x"), LIE}}, 0},
    {"a negative length", REFUSED, {{'D', BODY("\0\1\0\0\0\1x"), INT32_MIN}}, 0},
    {"a ReadyForQuery of 2 GB", REFUSED, {{'Z', BODY("I"), INT32_MAX}}, 0},
    {"a row of 2 GB", ANY_END, {{'D', BODY("\0\1\0\0\0\1x"), 0x7ffffff0}}, 0},
    {"an error of 1 GB", ANY_END, {{'E', BODY("SERROR\0"), 0x40000000}}, 0},
    {"a description of 1 GB", ANY_END, {{'T', BODY("\0\1" COLUMN), 0x40000000}}, 0},
    {"a parameter of 40 kB", REFUSED, {{'S', BODY("a\0b\0"), 40000}}, 0},
    {"a length that is one too long", ANY_END, {{'C', BODY("SELECT 1\0"), 14}}, 0},
    {"a length that is one too short", ANY_END, {{'C', BODY("SELECT 1\0"), 12}}, 0},
    /* types */
    {"an unknown type", REFUSED, {{'?', NONE, 0}}, 0},
    {"type 0xff", REFUSED, {{'\xff', NONE, 0}}, 0},
    {"type 0x01", REFUSED, {{'\1', NONE, 0}}, 0},
    /* rows */
    {"a row before its description", REFUSED, {{'D', BODY("\0\1\0\0\0\1x"), 0}}, 0},
    {"a row of no column", REFUSED, {{'D', BODY("\0\0"), 0}}, 0},
    {"a row of 65,535 columns", REFUSED, {{'D', BODY("\xff\xff"), 0}}, 0},
    {"a row of 300 columns", REFUSED, {{'D', BODY("\1\x2c\0\0\0\1x"), 0}}, 0},
    {"a described row of too many columns",
     ANY_END,
     {{'T', BODY("\0\1" COLUMN), 0}, {'D', BODY("\0\2\0\0\0\1x\0\0\0\1y"), 0}},
     0},
    {"a described row of too few columns",
     ANY_END,
     {{'T', BODY("\0\2" COLUMN COLUMN), 0}, {'D', BODY("\0\1\0\0\0\1x"), 0}},
     0},
    {"a value that goes past the end",
     ANY_END,
     {{'T', BODY("\0\1" COLUMN), 0}, {'D', BODY("\0\1\0\0\0\x64xyz"), 0}},
     0},
    {"a value of 2 GB",
     ANY_END,
     {{'T', BODY("\0\1" COLUMN), 0}, {'D', BODY("\0\1\x7f\xff\xff\xffxyz"), 0}},
     0},
    {"a value of length -2",
     ANY_END,
     {{'T', BODY("\0\1" COLUMN), 0}, {'D', BODY("\0\1\xff\xff\xff\xfexyz"), 0}},
     0},
    {"a row with more behind it",
     ANY_END,
     {{'T', BODY("\0\1" COLUMN), 0}, {'D', BODY("\0\1\0\0\0\1xyz"), 0}},
     0},
    /* descriptions */
    {"a second description", ANY_END, {{'T', BODY("\0\1" COLUMN), 0}}, 0},
    {"a description of 65,535 columns", ANY_END, {{'T', BODY("\xff\xff"), 0}}, 0},
    {"a description that ends early", ANY_END, {{'T', BODY("\0\1colu"), 0}}, 0},
    {"a description with more behind it", ANY_END, {{'T', BODY("\0\1" COLUMN "xyz"), 0}}, 0},
    {"an empty description", ANY_END, {{'T', NONE, 0}}, 0},
    {"a description of parameters", ANY_END, {{'t', BODY("\0\1\0\0\0\x17"), 0}}, 0},
    {"no data", ANY_END, {{'n', NONE, 0}}, 0},
    /* ends */
    {"a command's end", REFUSED, {{'C', BODY("SELECT 1\0"), 0}}, 0},
    {"a command's end without its end", ANY_END, {{'C', BODY("SELECT 1"), 0}}, 0},
    {"an empty command's end", REFUSED, {{'C', BODY("\0"), 0}}, 0},
    {"a command's end of 1 kB", REFUSED, {{'C', BODY(X512 X512 "\0"), 0}}, 0},
    {"a COMMIT's end", REFUSED, {{'C', BODY("COMMIT\0"), 0}}, 0},
    {"an empty query's end", REFUSED, {{'I', NONE, 0}}, 0},
    {"ReadyForQuery", REFUSED, {{'Z', BODY("I"), 0}}, 0},
    {"ReadyForQuery twice", REFUSED, {{'Z', BODY("I"), 0}, {'Z', BODY("I"), 0}}, 0},
    {"ReadyForQuery in a transaction", REFUSED, {{'Z', BODY("T"), 0}}, 0},
    {"ReadyForQuery of no known state", REFUSED, {{'Z', BODY("?"), 0}}, 0},
    {"ReadyForQuery without a state", ANY_END, {{'Z', NONE, 0}}, 0},
    {"ReadyForQuery with more behind it", ANY_END, {{'Z', BODY("Ixyz"), 0}}, 0},
    /* steps */
    {"ParseComplete", HARMLESS, {{'1', NONE, 0}}, 0},
    {"BindComplete", HARMLESS, {{'2', NONE, 0}}, 0},
    {"CloseComplete", ANY_END, {{'3', NONE, 0}}, 0},
    {"PortalSuspended", REFUSED, {{'s', NONE, 0}}, 0},
    {"a function's result", REFUSED, {{'V', BODY("\0\0\0\1x"), 0}}, 0},
    {"BackendKeyData", HARMLESS, {{'K', BODY("\0\0\0\1\0\0\0\2"), 0}}, 0},
    {"a short BackendKeyData", ANY_END, {{'K', BODY("\0\0"), 0}}, 0},
    {"a thousand ParseCompletes", HARMLESS, {{'1', NONE, 0}}, 1000},
    /* COPY */
    {"CopyInResponse", REFUSED, {{'G', BODY("\0\0\1\0\0"), 0}}, 0},
    {"CopyOutResponse", REFUSED, {{'H', BODY("\0\0\1\0\0"), 0}}, 0},
    {"CopyBothResponse", REFUSED, {{'W', BODY("\0\0\1\0\0"), 0}}, 0},
    {"CopyOutResponse that ends early", ANY_END, {{'H', BODY("\0\0\1"), 0}}, 0},
    {"CopyData", HARMLESS, {{'d', BODY("xyz"), 0}}, 0},
    {"CopyDone", HARMLESS, {{'c', NONE, 0}}, 0},
    {"all of a COPY out",
     REFUSED,
     {{'H', BODY("\0\0\1\0\0"), 0}, {'d', BODY("xyz"), 0}, {'c', NONE, 0}},
     0},
    /* logging in again */
    {"authentication: well", REFUSED, {{'R', BODY("\0\0\0\0"), 0}}, 0},
    {"authentication: a password", REFUSED, {{'R', BODY("\0\0\0\3"), 0}}, 0},
    {"authentication: md5 without its salt", REFUSED, {{'R', BODY("\0\0\0\5"), 0}}, 0},
    {"authentication: SASL by nothing known", REFUSED, {{'R', BODY("\0\0\0\12NONE\0\0"), 0}}, 0},
    {"authentication: more SASL", REFUSED, {{'R', BODY("\0\0\0\13r=x"), 0}}, 0},
    {"authentication: kind 99", REFUSED, {{'R', BODY("\0\0\0\143"), 0}}, 0},
    {"authentication: of 1 MB", REFUSED, {{'R', BODY("\0\0\0\12"), 1000000}}, 0},
    {"another protocol", REFUSED, {{'v', BODY("\0\3\0\0\0\0\0\0"), 0}}, 0},
    /* errors */
    {"an error", REFUSED, {{'E', ERROR_BODY("ERROR", "58000"), 0}}, 0},
    {"two errors",
     ANY_END,
     {{'E', ERROR_BODY("ERROR", "58000"), 0}, {'E', ERROR_BODY("ERROR", "58000"), 0}},
     0},
    {"a FATAL error", ENDED, {{'E', ERROR_BODY("FATAL", "57P01"), 0}}, 0},
    {"two FATAL errors",
     ENDED,
     {{'E', ERROR_BODY("FATAL", "57P01"), 0}, {'E', ERROR_BODY("FATAL", "08P01"), 0}},
     0},
    {"a FATAL error after a command's end",
     ANY_END,
     {{'C', BODY("SELECT 1\0"), 0}, {'E', ERROR_BODY("FATAL", "57P01"), 0}},
     0},
    {"an empty error", ANY_END, {{'E', NONE, 0}}, 0},
    {"an error without fields", ANY_END, {{'E', BODY("\0"), 0}}, 0},
    {"an error that ends early", ANY_END, {{'E', BODY("SERROR\0VERR"), 0}}, 0},
    {"an error with unknown fields",
     REFUSED,
     {{'E', BODY("SERROR\0C58000\0Mx\0zz\0\1y\0\0"), 0}},
     0},
    {"an error of control characters",
     REFUSED,
     {{'E', BODY("SERROR\0C58000\0M\n\r\t\33[0m\x7f\xff\0\0"), 0}},
     0},
    {"an error of 2 kB",
     REFUSED,
     {{'E', BODY("SERROR\0C58000\0M" X512 X512 X512 X512 "\0\0"), 0}},
     0},
    {"an error without its SQLSTATE", ANY_END, {{'E', BODY("SERROR\0Mx\0\0"), 0}}, 0},
    {"an error of another protocol", ANY_END, {{'E', BODY("ERROR:  no\n\0"), 0}}, 0},
    /* notices, notifications, parameters */
    {"a notice", HARMLESS, {{'N', ERROR_BODY("NOTICE", "00000"), 0}}, 0},
    {"an empty notice", ANY_END, {{'N', NONE, 0}}, 0},
    {"a notice that ends early", ANY_END, {{'N', BODY("SNOTICE\0M"), 0}}, 0},
    {"a notice that says ERROR", ANY_END, {{'N', ERROR_BODY("ERROR", "58000"), 0}}, 0},
    {"a notice that says FATAL", ANY_END, {{'N', ERROR_BODY("FATAL", "57P01"), 0}}, 0},
    {"a notification", HARMLESS, {{'A', BODY("\0\0\0\1x\0y\0"), 0}}, 0},
    {"a notification that ends early", ANY_END, {{'A', BODY("\0\0\0\1x\0y"), 0}}, 0},
    {"an empty notification", ANY_END, {{'A', NONE, 0}}, 0},
    {"a parameter", HARMLESS, {{'S', BODY("x\0y\0"), 0}}, 0},
    {"a parameter that ends early", ANY_END, {{'S', BODY("x\0y"), 0}}, 0},
    {"an empty parameter", ANY_END, {{'S', NONE, 0}}, 0},
    {"an encoding that there is not", HARMLESS, {{'S', BODY("client_encoding\0NONE\0"), 0}}, 0},
    {"another encoding", HARMLESS, {{'S', BODY("client_encoding\0SJIS\0"), 0}}, 0},
    {"a version that is none", HARMLESS, {{'S', BODY("server_version\0x\0"), 0}}, 0},
    {"a thousand notices", HARMLESS, {{'N', ERROR_BODY("NOTICE", "00000"), 0}}, 1000},
    {"a thousand notifications", HARMLESS, {{'A', BODY("\0\0\0\1x\0y\0"), 0}}, 1000},
    {"a thousand parameters", HARMLESS, {{'S', BODY("x\0y\0"), 0}}, 1000},
};

const size_t n_sins = sizeof(sins) / sizeof(*sins);

static void add_message(struct evbuffer *bytes, const struct sin *sin, int i)
{
    uint32_t length = (uint32_t)sin->message[i].length + 4;

    if (sin->message[i].claims != 0)
        length = sin->message[i].claims == LIE ? 0 : (uint32_t)sin->message[i].claims;
    length = htonl(length);
    evbuffer_add(bytes, &sin->message[i].type, 1);
    evbuffer_add(bytes, &length, sizeof(length));
    evbuffer_add(bytes, sin->message[i].body, sin->message[i].length);
}

void *sin_bytes(const struct sin *sin, size_t *length)
{
    struct evbuffer *bytes = evbuffer_new();
    void *copy;

    for (int n = 0; n < (sin->times ? sin->times : 1); n++)
        for (int i = 0; i < 3 && sin->message[i].type; i++)
            add_message(bytes, sin, i);
    *length = evbuffer_get_length(bytes);
    copy = malloc(*length);
    evbuffer_remove(bytes, copy, *length);
    evbuffer_free(bytes);
    return copy;
}

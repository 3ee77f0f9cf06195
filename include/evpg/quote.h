/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/quote.h
 * Text and names as parts of SQL, for statements that take no parameters (SET, CREATE, COPY, names
 * everywhere). Wherever a parameter will do, it is the better way: see evpg/param.h.
 *
 * Both functions are right whatever client_encoding and standard_conforming_strings are, without
 * asking for either: what they put in front and behind cannot be part of a character in any
 * encoding that PostgreSQL has, and nothing is escaped by a backslash. Text that is not valid in
 * the client_encoding of the connection which it is sent on is refused by the server (SQLSTATE
 * 22021), whole. PostgreSQL manual, "String Constants", "Dollar-Quoted String Constants", "Quoted
 * Identifiers".
 */
#ifndef EVPG_QUOTE_H
#define EVPG_QUOTE_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct evbuffer;

/**
 * Appends text as a string constant: 'it''s', or, if there is a backslash in it, in dollar quotes
 * with a blank in front.
 *
 * @param out     an evbuffer of libevent's; unchanged when the call fails
 * @param text    in the connection's client_encoding; NULL appends the word NULL, without quotes
 * @return 0; or -1 with errno EINVAL (out is NULL) or ENOMEM
 */
EVPG_EXPORT int evpg_quote_literal(struct evbuffer *out, const char *text);

/**
 * Appends a name as a quoted identifier, "as it is": case, blanks and all. A name of a table in a
 * schema is two of them, with a dot between. The server cuts names of 64 bytes and more.
 *
 * @param out     an evbuffer of libevent's; unchanged when the call fails
 * @param name    in the connection's client_encoding
 * @return 0; or -1 with errno EINVAL (out or name is NULL, or name is empty, as no name is) or
 *         ENOMEM
 */
EVPG_EXPORT int evpg_quote_ident(struct evbuffer *out, const char *name);

#ifdef __cplusplus
}
#endif

#endif

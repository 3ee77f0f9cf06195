/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "conn.h"

#include <evpg/resolve.h>

/* Begins to look up the host of a place, by the configured resolver or by evdns, and puts the
 * lookup in *slot; connect_go_on is called when it is over, perhaps from inside. False: no memory.
 * A resolver is the application's: the connection may be gone afterwards. */
bool resolve_start(struct conn *conn, const struct address *place, struct evpg_lookup **slot);

/* Its time has run out: it is over, as above. */
void resolve_give_up(struct evpg_lookup *lookup);

/* The addresses of a lookup that is over, which are the caller's then; or NULL with *why there are
 * none, which is "" when it was given up, and NULL without memory. For a later turn of the loop. */
struct address_list *resolve_take(struct evpg_lookup *lookup, const char **why);

/* Nobody wants it any more; NULL is allowed. */
void resolve_drop(struct evpg_lookup *lookup);

#endif

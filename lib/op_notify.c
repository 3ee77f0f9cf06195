/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * op_notify: evpg_notify, a query as any other.
 *
 * Called by the application. Invariants: it is the function and not the command NOTIFY, which takes
 * no parameters; so a channel's name needs no quoting, is prepared once for all channels, and is
 * judged by the server, which knows its own encoding.
 */
#include "db.h"

#include <evpg/listener.h>
#include <evpg/param.h>
#include <evpg/query.h>

#include <errno.h>

struct evpg_request *evpg_notify(struct evpg_db *db, const char *channel, const char *payload,
                                 evpg_done_cb on_done, void *arg)
{
    if (!channel) {
        db_refuse(db, EINVAL, "the channel is NULL");
        return NULL;
    }
    return evpg_query(db, "select pg_catalog.pg_notify($1, $2)",
                      EVPG_PARAMS(evpg_text(channel), evpg_text(payload)), NULL, on_done, arg);
}

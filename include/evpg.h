/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg.h
 * evpg: PostgreSQL for libevent. The umbrella over the headers in evpg/, which are the manual.
 *
 * The shape of a program:
 *
 *     struct event_base *base = event_base_new();
 *     struct evpg_db *db = evpg_conn_new(base, NULL, NULL);
 *     evpg_open(db, on_open, NULL);
 *     evpg_query(db, "select title from course where id = $1", EVPG_PARAMS(evpg_int64(42)),
 *                on_row, on_done, NULL);
 *     event_base_dispatch(base);
 *
 * Rules that hold everywhere:
 *
 * - A call that accepts work returns its request, or NULL with errno set. An accepted request gets
 *   its done callback exactly once, from the event loop or from evpg_free(), never from inside the
 *   call that submitted it. A refused one gets none; the log hook (evpg_set_hooks()) is told why.
 * - No call waits: all of them return at once.
 * - Every call is legal in every callback, evpg_free() of the object that calls back included; but
 *   the hook `event` only observes.
 * - What is passed in is copied. What a callback is handed is borrowed until it returns.
 * - All calls on an object, and its callbacks, happen in the thread of its event_base. Nothing is
 *   locked; objects on different bases are independent of each other.
 * - Text is bytes in the connection's client_encoding.
 */
#ifndef EVPG_H
#define EVPG_H

#include <evpg/array.h>
#include <evpg/batch.h>
#include <evpg/common.h>
#include <evpg/conn.h>
#include <evpg/error.h>
#include <evpg/hooks.h>
#include <evpg/listener.h>
#include <evpg/login.h>
#include <evpg/notify.h>
#include <evpg/param.h>
#include <evpg/pool.h>
#include <evpg/query.h>
#include <evpg/quote.h>
#include <evpg/request.h>
#include <evpg/resolve.h>
#include <evpg/result.h>
#include <evpg/row.h>
#include <evpg/scalar.h>
#include <evpg/scan.h>
#include <evpg/stats.h>
#include <evpg/time.h>
#include <evpg/tx.h>
#include <evpg/type.h>

#endif

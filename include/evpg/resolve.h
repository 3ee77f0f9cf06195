/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/resolve.h
 * Looking host names up in another way than libevent's.
 *
 * libpq would wait for the answer, so it is never asked to look a name up. By default libevent
 * does (its manual, "evdns"): from /etc/hosts and from the name servers of /etc/resolv.conf, which
 * are read when a name is looked up. What that takes is given back at the end, or in the loop's
 * next turn where a connection is freed in the midst of it. It knows nothing of nsswitch.conf. A
 * program that needs more, or has name servers of its own, says so in its struct evpg_conn_config.
 */
#ifndef EVPG_RESOLVE_H
#define EVPG_RESOLVE_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A name that is being looked up. */
struct evpg_lookup;

/**
 * Looks a name up, by whatever means: must not wait, and must lead to exactly one
 * evpg_lookup_finish(), at once or later, in the thread of the connection's loop.
 *
 * @param lookup what to finish; valid until then, even when the connection is freed first
 * @param host the name, borrowed until this returns; never a numeric address, a socket's directory
 *     or "localhost", which are not looked up
 * @param arg of the configuration
 */
typedef void (*evpg_resolve_cb)(struct evpg_lookup *lookup, const char *host, void *arg);

/**
 * Whether the outcome is still wanted: not when the connection has been closed or freed meanwhile,
 * or has run out of time. evpg_lookup_finish() is due in any case.
 */
EVPG_EXPORT bool evpg_lookup_is_wanted(const struct evpg_lookup *lookup);

/**
 * Ends a lookup: the connection is then made to these addresses, one after the other. Nothing is
 * called back from inside this.
 *
 * @param lookup is gone when this has returned
 * @param addresses numeric, in IPv4's or IPv6's text form, in the order in which to try them;
 * copied
 * @param n_addresses 0: there are none
 * @param why there are none, to become part of the error's message; NULL: nothing is known of it
 */
EVPG_EXPORT void evpg_lookup_finish(struct evpg_lookup *lookup, const char *const *addresses,
                                    size_t n_addresses, const char *why);

#ifdef __cplusplus
}
#endif

#endif

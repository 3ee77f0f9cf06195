/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef NEWS_H
#define NEWS_H

#include "conn.h"

/* libpq's notice receiver; its argument is the conn. */
void news_on_notice(void *conn, const PGresult *notice);

/* Hands notices, and nothing else, to the application, within the budget; NULL: all of them. Its
 * PGconn may be gone afterwards. */
void news_deliver_notices(struct conn *conn, struct budget *budget);

/* The same for notifications; there must be a budget. */
void news_deliver_notifications(struct conn *conn, struct budget *budget);

/* Tells the application that an open connection was lost. */
void news_tell_loss(struct conn *conn, const struct evpg_error *why);

/* Forgets the notices that were not delivered. */
void news_forget(struct conn *conn);

#endif

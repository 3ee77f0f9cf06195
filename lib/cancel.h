/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANCEL_H
#define CANCEL_H

#include "conn.h"

/* As if one that was not sent were canceled; it is completed with that code. */
void cancel_withdraw(struct conn *conn, struct evpg_request *request, enum evpg_code code);

/* Why one on conn->canceled fails. */
void cancel_explain(const struct evpg_request *request, struct evpg_error *why);

/* Completes what was canceled before it was sent; and gives up an opening that was. The application
 * may be called; conn may be dying afterwards. */
void cancel_complete(struct conn *conn);

/* Ends an opening that is canceled. */
void cancel_opening(struct conn *conn);

#endif

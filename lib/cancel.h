/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANCEL_H
#define CANCEL_H

#include "conn.h"

/* Completes what was canceled before it was sent; and gives up an opening that was. The application
 * may be called; conn may be dying afterwards. */
void cancel_complete(struct conn *conn);

/* Ends an opening that is canceled. */
void cancel_opening(struct conn *conn);

#endif

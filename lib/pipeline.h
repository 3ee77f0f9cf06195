/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "conn.h"

/* Whether some of the queue may be handed to libpq now. */
bool pipeline_may_send(const struct conn *conn);

/* Hands as much of it to libpq as may be. False: libpq refused, the connection must be closed. */
bool pipeline_send(struct conn *conn);

/* Lets the next in the queue begin, if that is due and it is one that does. The application may be
 * called. */
void pipeline_begin(struct conn *conn);

/* For group.c. Hands one that is on conn->sent already to libpq, without a Sync. False: as above.
 */
bool pipeline_write(struct conn *conn, struct evpg_request *request);

/* For group.c. Its results, or those of nobody, come next, by the libpq call that was just made. */
void pipeline_activate(struct conn *conn, struct evpg_request *head);

/* For answer.c. The next answer is the head's; to be called right after the libpq call that made it
 * so. */
void pipeline_stream_if_wanted(struct conn *conn, struct evpg_request *head);

/* For answer.c and group.c. The head is done, or to be sent again. */
void pipeline_complete(struct conn *conn, struct evpg_request *head, struct budget *budget);

#endif

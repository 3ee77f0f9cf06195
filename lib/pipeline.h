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

/* For group.c. The head is done, or to be sent again. */
void pipeline_complete(struct conn *conn, struct evpg_request *head, struct budget *budget);

/* Whether libpq, while it waits for an answer, has had trouble that would make it wait for ever. */
bool pipeline_has_lost_track(const struct conn *conn);

/* Closes the connection: libpq has lost track of the answers, and says this of it. */
void pipeline_lose_track(struct conn *conn, const char *message);

/* Why libpq says that the connection has ended. */
const char *pipeline_last_words(const struct conn *conn);

/* Takes what PQgetResult gave, NULL included, for the head of the sent requests. Callbacks may run;
 * conn's PGconn may be gone afterwards. */
void pipeline_take(struct conn *conn, PGresult *result, struct budget *budget);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PIPELINE_H
#define PIPELINE_H

#include "conn.h"

/* Whether some of the queue may be handed to libpq now. */
bool pipeline_may_send(const struct conn *conn);

/* Hands as much of it to libpq as may be. False: libpq refused, the connection must be closed. */
bool pipeline_send(struct conn *conn);

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

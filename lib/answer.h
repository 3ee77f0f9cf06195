/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ANSWER_H
#define ANSWER_H

#include "conn.h"

/* Whether libpq, while it waits for an answer, has had trouble that would make it wait for ever. */
bool answer_has_lost_track(const struct conn *conn);

/* Closes the connection: libpq has lost track of the answers, and says this of it. */
void answer_lose_track(struct conn *conn, const char *message);

/* Why libpq says that the connection has ended. */
const char *answer_last_words(const struct conn *conn);

/* Takes what PQgetResult gave, NULL included, for the head of the sent requests. Callbacks may run;
 * conn's PGconn may be gone afterwards. */
void answer_take(struct conn *conn, PGresult *result, struct budget *budget);

#endif

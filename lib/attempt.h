/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "conn.h"

/* Begins to connect to conn->connecting->address. False: that has failed at once, and is noted. */
bool attempt_start(struct conn *conn);

/* Ends it, whatever it has come to. */
void attempt_abandon(struct conn *conn);

#endif

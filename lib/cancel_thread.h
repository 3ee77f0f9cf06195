/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANCEL_THREAD_H
#define CANCEL_THREAD_H

#include <libpq-fe.h>
#include <stdbool.h>

/* Has a thread of its own send a cancel request, and write a byte into that end of a pair of
 * sockets and close it when that is over. False: it could not, and nothing was taken over. */
bool cancel_thread_start(PGcancel *cancel, int end);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANCEL_THREAD_H
#define CANCEL_THREAD_H

#include <libpq-fe.h>

/* Has a thread of its own send a cancel request, and frees what says where to. Gives a descriptor
 * that is readable when that is over, to be closed by whoever called; -1: it could not. */
int cancel_thread_start(PGcancel *cancel);

#endif

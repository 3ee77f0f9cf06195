/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_ears: listeners amid chaos, and one who notifies them.
 */
#ifndef CHAOS_EARS_H
#define CHAOS_EARS_H

#include "chaos.h"

enum { N_EARS = 4 };

/* After links_begin(), whose ways they share. */
void ears_begin(void);

/* The next number is sent; a listener may be freed and made anew. */
void ears_tick(void);

/* No more of that; whether all listen, and nothing is under way. */
void ears_rest(void);
bool ears_at_rest(void);

/* One number more; whether all have heard it. */
void ears_ask(void);
bool ears_have_answered(void);

/* The server process of one; 0: it has none. */
int ear_pid(int i);

/* Says how each is. */
void ears_explain(void);

void ears_end(void);
void ears_report(void);

#endif

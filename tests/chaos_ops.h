/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_ops: the requests of chaos's load, and what must hold of each.
 */
#ifndef CHAOS_OPS_H
#define CHAOS_OPS_H

#include "chaos_links.h"

void ops_begin(void);

/* A request of a kind by chance. */
void ops_submit(struct link *link);

/* A marker, which must succeed; how many of those have not yet. */
void ops_submit_last(struct link *link);
int ops_last_due(void);

/* Rows that are paused go on; what takes too long is told. */
void ops_tick(void);

/* Whether all that was accepted is done. */
bool ops_all_done(void);

void ops_report(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_probe: a marker query by a fresh connection, tried until it succeeds.
 */
#ifndef CHAOS_PROBE_H
#define CHAOS_PROBE_H

#include "chaos.h"

struct probe {
    char conninfo[256];
    struct evpg_db *db;
    double start_ms;
    double until_ms; /* when this try is given up, or the next one begins */
    bool answered;
};

void probe_begin(struct probe *probe, const char *conninfo);

/* Tries again what has failed; whether it has succeeded, and is gone. */
bool probe_tick(struct probe *probe);

/* Gives it up. */
void probe_end(struct probe *probe);

#endif

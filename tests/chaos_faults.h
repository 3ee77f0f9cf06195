/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_faults: what the network and the server do to the load of chaos, by chance; and a marker by
 * a fresh connection after each fault.
 */
#ifndef CHAOS_FAULTS_H
#define CHAOS_FAULTS_H

#include "chaos_links.h"

void faults_begin(void);

/* Begins and ends what is due by now. */
void faults_tick(void);

/* No new ones; and whether all are over, and mended. */
void faults_rest(void);
bool faults_at_rest(void);

/* The names of those that are under way. */
const char *faults_now(void);

void faults_report(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle: what tells whether a fault did harm, besides harness.h's: one completion for each
 * request, and the marker query.
 *
 *     resources_note();
 *     heart_start();
 *     ledger_begin();
 *     ledger_submit(5);
 *     ... the fault, and the connection opened again ...
 *     heart_stop();
 *     ledger_check();
 *     resources_check();
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "harness.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* The monotonic clock. */
double now_ms(void);

/* The same, while the heart beats, less what this thread has waited for a processor so far. */
double own_ms(void);

/* A timer of 10 ms in `base`, which must never be late by much: the gap between two of its beats is
 * at most 50 ms (ten times that under sanitizers, whose slowness is not the library's), the time
 * that other programs had the processor taken off. */
void heart_start(void);

/* What came since the last beat was the test's own work; and all that came before. */
void heart_skip(void);
void heart_forget(void);

/* The worst gap so far. */
double heart_worst(void);

/* Ends the timer and returns the worst gap, in ms; and the same with the check. */
double heart_end(void);
void heart_stop(void);

/* A table, without a key, to which each operation adds its number: what was done twice shows. Made
 * by a connection of its own. */
void ledger_begin(void);

/* Submits that many operations on `db`, each with the next number; the outcome of the last there
 * is. */
struct outcome *ledger_submit(int count);

/* For what submits in other ways: the number of an operation that runs this statement. */
#define LEDGER_SQL "insert into ledger values ($1)"
int64_t ledger_enter(struct outcome *operation);

/* What became of each is in the table: once, or not at all, as its outcome says; a fate UNKNOWN is
 * either. Returns how many are in it. Removes the table. */
int ledger_check(void);

/* Notes what this process and the server have of it: descriptors, memory, sessions. */
void resources_note(void);

/* They are the same again, within a few seconds; memory is looked at without sanitizers only, and
 * may have grown by that much. */
void resources_check(long more_kib);

/* The memory of this process. */
long resident_kib(void);

/* The descriptors this process has open. */
int open_descriptors(void);

#endif

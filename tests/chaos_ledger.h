/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_ledger: what each operation that adds its number to the table was said to have done, and
 * what it has done.
 */
#ifndef CHAOS_LEDGER_H
#define CHAOS_LEDGER_H

#include <evpg.h>

/* Makes the table, and room for so many operations. */
void book_begin(int64_t most);

/* The next number, never used before; -1: there are no more. */
int64_t book_next(void);

/* What became of it: NULL is success. */
void book_note(int64_t number, const struct evpg_error *error);

/* It was not accepted. */
void book_note_refusal(int64_t number);

/* Looks at the table, which nobody may write to any more, reports it, and removes it. */
void book_check(void);

#endif

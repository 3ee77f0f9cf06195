/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failing_malloc: memory runs out where and when a test wants it.
 *
 * It stands before malloc, calloc, realloc, strdup and free, in the program that it is linked into;
 * with sanitizers, which have their own, it cannot.
 */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include <stdbool.h>
#include <stdlib.h> /* which defines __GLIBC__ */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define FAILING_MALLOC 0
#else
#define FAILING_MALLOC 1
#endif

/* From here on the k-th allocation that a library makes fails, or also all that come after it. The
 * library is known by a part of its file's name: "libpq.so". */
void malloc_fail(const char *library, long k, bool sticky);

/* No more. Returns how many have failed. */
long malloc_go_on(void);

/* How many blocks of memory there are. */
long malloc_live(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handed: see handed.h.
 *
 * Stands before libpq: PQgetResult and PQclear are found here first, and call libpq's own. A server
 * that answers a Sync in the midst of rows makes libpq forget the result that it was making; a
 * description of parameters that nobody asked for does the same. So LeakSanitizer does not look at
 * what libpq has allocated, in programs with this file in them, and this does.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* RTLD_NEXT */
#endif
#include "handed.h"

#include <check.h>
#include <dlfcn.h>
#include <libpq-fe.h>
#include <search.h>

#define SEEN __attribute__((visibility("default"))) /* by the library */

static void *results; /* a tree of those handed out */
static long n_results;

static int compare(const void *a, const void *b)
{
    return (a > b) - (a < b);
}

SEEN PGresult *PQgetResult(PGconn *pg)
{
    static PGresult *(*next)(PGconn *);
    PGresult *result;

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "PQgetResult");
    result = next(pg);
    if (result && !tfind(result, &results, compare)) {
        ck_assert_ptr_nonnull(tsearch(result, &results, compare));
        n_results++;
    }
    return result;
}

SEEN void PQclear(PGresult *result)
{
    static void (*next)(PGresult *);

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "PQclear");
    if (result && tdelete(result, &results, compare))
        n_results--;
    next(result);
}

long handed_results(void)
{
    return n_results;
}

SEEN const char *__lsan_default_suppressions(void);
SEEN const char *__asan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libpq.so";
}

/* libpq makes room for a message of the length that is claimed. That takes no memory, but
 * AddressSanitizer writes an eighth of it, in one go, whenever such room is given, freed, and given
 * up by its quarantine, and what else is there then is given up with it: 512 MB hold up the loop
 * for a tenth of a second or more. So with sanitizers there is no room for more than this; without
 * there is. */
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=32:allocator_may_return_null=1";
}

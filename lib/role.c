/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * role: whether a server still is what the connection string wants it to be.
 *
 * Called by attempt.c when a session begins, by op_rows.c for what the server says, and by the
 * pool, which lets connections go that are of no use any more. Pure. Invariants: a server that does
 * not tell is what it was; where any will do, or one is only preferred, none ever is of no use.
 */
#include "role.h"

#include <stddef.h>
#include <string.h>

enum role role_wanted(const char *target)
{
    if (!target)
        return ROLE_ANY;
    if (strcmp(target, "read-write") == 0 || strcmp(target, "primary") == 0)
        return ROLE_WRITABLE;
    return strcmp(target, "standby") == 0 ? ROLE_STANDBY : ROLE_ANY;
}

/* PostgreSQL 14 and newer report it, with the first answer after it has changed. */
bool role_fits(enum role wanted, const PGconn *pg)
{
    const char *told = wanted == ROLE_ANY ? NULL : PQparameterStatus(pg, "in_hot_standby");

    if (!told)
        return true;
    return (strcmp(told, "on") == 0) == (wanted == ROLE_STANDBY);
}

bool role_is_denied(enum role wanted, const char *sqlstate)
{
    return wanted == ROLE_WRITABLE && strcmp(sqlstate, "25006") == 0;
}

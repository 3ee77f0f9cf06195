/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parameters: the settings that the server reports when they change.
 *
 * Called at the end of each wake-up, by io.c, and by attempt.c after a login. libpq keeps the
 * latest values and does not say which is new, so they are compared with what was told last: only
 * if there is a hook, and once for all that has come with a wake-up. Invariants: after each call of
 * the hook the connection may be gone; a value for whose copy there is no memory is told again the
 * next time.
 */
#include "parameters.h"

#include "conn.h"
#include "mem.h"

#include <string.h>

/* All that PostgreSQL 9.6 to 18 report. */
static const char *const names[PARAMETERS_COUNT] = {
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "scram_iterations",
    "search_path",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
};

/* What the hook is told is its own until it returns, whatever it does with the connection. */
static void tell(struct conn *conn, int which, const char *value)
{
    char *copy = mem_strdup(value);

    mem_free(conn->parameters.told[which]);
    conn->parameters.told[which] = NULL;
    conn->face->hooks.parameter(conn->face, names[which], copy ? copy : value,
                                conn->face->hooks_arg);
    if (conn->pg)
        conn->parameters.told[which] = copy;
    else
        mem_free(copy);
}

void parameters_tell(struct conn *conn)
{
    for (int i = 0; i < PARAMETERS_COUNT && conn->pg && conn->face->hooks.parameter; i++) {
        const char *value = PQparameterStatus(conn->pg, names[i]);
        const char *told = conn->parameters.told[i];

        if (value && (!told || strcmp(value, told) != 0))
            tell(conn, i, value);
    }
}

void parameters_forget(struct conn *conn)
{
    for (int i = 0; i < PARAMETERS_COUNT; i++)
        mem_free(conn->parameters.told[i]);
    memset(&conn->parameters, 0, sizeof(conn->parameters));
}

const char *evpg_parameter(struct evpg_db *db, const char *name)
{
    PGconn *pg = name ? evpg_pgconn(db) : NULL;

    return pg ? PQparameterStatus(pg, name) : NULL;
}

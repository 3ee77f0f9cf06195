/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARAMETERS_H
#define PARAMETERS_H

struct conn;

/* Which settings are told of, and what was told last; NULL: nothing yet. */
enum { PARAMETERS_COUNT = 15 };
struct parameters {
    char *told[PARAMETERS_COUNT];
};

/* Tells the hook of what the server has reported since. Its PGconn may be gone afterwards. */
void parameters_tell(struct conn *conn);

/* Of a connection that is freed. */
void parameters_forget(struct conn *conn);

#endif

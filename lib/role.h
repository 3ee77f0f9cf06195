/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ROLE_H
#define ROLE_H

#include <libpq-fe.h>
#include <stdbool.h>

/* What a server has to be for a connection to be of use: by target_session_attrs. */
enum role { ROLE_ANY, ROLE_WRITABLE, ROLE_STANDBY };

/* target: of a connection string, or NULL. */
enum role role_wanted(const char *target);

/* Whether the server is that, as far as it has told. */
bool role_fits(enum role wanted, const PGconn *pg);

/* Whether an error with that SQLSTATE tells that it is not. */
bool role_is_denied(enum role wanted, const char *sqlstate);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STANDBY_H
#define STANDBY_H

/* A streaming standby of the server of scripts/with-postgres, made by pg_basebackup. All of these
 * wait until it is done. */

/* Makes one and starts it; it ends with the test's process. */
void standby_make(void);

/* Ends it at once, and starts it again. */
void standby_stop(void);
void standby_start(void);

/* Makes a primary of it. */
void standby_promote(void);

/* Waits until all that the primary has committed is there. */
void standby_catch_up(void);

/* Its folder, as a host; its port is STANDBY_PORT. */
const char *standby_host(void);

#define STANDBY_PORT "5432"

#endif

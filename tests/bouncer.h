/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BOUNCER_H
#define BOUNCER_H

/* A PgBouncer of a test's own, in transaction mode, in front of the server of
 * scripts/with-postgres. All of these wait until it is done. */

/* Of the one that is installed: 1.18.0 is 11800. 0: there is none. */
int bouncer_version(void);

/* Starts it, with these lines of settings beside ours. It ends with this process at the latest. */
void bouncer_start(const char *settings);

/* Ends it at once: its clients lose their connections. */
void bouncer_stop(void);

/* Sends it a signal: SIGINT has it finish its clients' transactions and end. And waits for its end,
 * which it must come to within 20 s. */
void bouncer_signal(int signal_number);
void bouncer_await_end(void);

/* How a client reaches it; the same after it was started again. */
const char *bouncer_conninfo(void);

/* For main(): whether tests with it can be run. If not, it has printed that they are skipped. */
int bouncer_is_here(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_H
#define SERVER_H

#include <sys/types.h>

/* The server of scripts/with-postgres, at a test's mercy. All of these wait until it is done. */

/* The postmaster. */
pid_t server_pid(void);

/* Waits until it accepts connections. */
void server_await(void);

/* Stops it by a signal: SIGINT fast, SIGQUIT immediate, SIGKILL as if the machine had gone. */
void server_stop(int signal_number);

/* Starts it again, and waits until it accepts connections. */
void server_start(void);

/* Sets the limit of one of its processes on something of the system's: RLIMIT_FSIZE, ... */
void server_limit(pid_t pid, int resource, unsigned long most);

/* In a child: becomes the server's user, where we are root. And gives a file to that user. */
void server_become_owner(void);
void server_give(const char *path);

/* In a child: becomes one of the server's programs. args: room for its place first, NULL last. */
void server_exec(const char *name, const char **args);

/* Sends a signal to one of its processes. */
void server_signal(pid_t pid, int signal_number);

#endif

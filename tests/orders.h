/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * orders: clients of the example http_service who place orders all the time, whatever happens, and
 * what has become of these.
 *
 *     service_begin(NULL, NULL);
 *     orders_begin();
 *     orders_await(100);
 *     ... the fault, and its end ...
 *     orders_await(50);
 *     orders_end();
 *     service_end();
 */
#ifndef ORDERS_H
#define ORDERS_H

/* How many were acknowledged, were said to be unknown, and were not placed. */
extern int orders_placed, orders_unknown, orders_failed;

/* Each of 16 clients orders, and again when it is answered. */
void orders_begin(void);

/* Waits until so many more are placed; fails the test after 15 s. */
void orders_await(int more);

/* They order no more, and each has been answered in time: one that was acknowledged is in the table
 * once; one that may be tried again is not; nothing is there twice. */
void orders_end(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OP_SUBMIT_H
#define OP_SUBMIT_H

#include "op_rows.h"

/* Whether the SQL can be sent at all, and its length and kind; if not, errno says so and the log
 * hook why. */
bool op_submit_check(struct evpg_db *db, const char *sql, size_t *length, enum sqlword *word);

/* Fills a new one in, and submits it. NULL with errno: it was refused, and is freed. */
struct evpg_request *op_submit(struct op_rows *rows, struct evpg_db *db, evpg_row_cb on_row,
                               evpg_done_cb on_done, void *arg);

#endif

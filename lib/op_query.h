/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OP_QUERY_H
#define OP_QUERY_H

#include "op_rows.h"
#include "params.h"

/* A query that is not submitted: its callbacks may be set, and then it is a group's, whose release
 * frees it; or req_release() does. base.alone and word tell what must not be one of a group. NULL:
 * errno says why, and the log hook was told what cannot be sent. */
struct op_rows *op_query_new(struct evpg_db *db, const char *sql, const struct evpg_param *params,
                             size_t n_params);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OP_BATCH_DONE_H
#define OP_BATCH_DONE_H

#include "op_batch.h"

/* For struct req_ops; see there. */
void op_batch_finish(struct evpg_request *request, struct evpg_error *cut);

#endif

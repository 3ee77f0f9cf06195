/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "harness.h"

/* Adds a row to those recorded. */
void outcome_record(struct outcome *outcome, const struct evpg_row *row, bool binary);

void outcome_free(struct outcome *outcome);

/* Records what a result says besides its rows. */
void outcome_record_result(struct outcome *outcome, const struct evpg_result *result);

#endif

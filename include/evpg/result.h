/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/result.h
 * What a done callback learns. All that is handed out is borrowed until that callback returns.
 */
#ifndef EVPG_RESULT_H
#define EVPG_RESULT_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Why the request failed; NULL: it succeeded. */
EVPG_EXPORT const struct evpg_error *evpg_result_error(const struct evpg_result *result);

/**
 * The command's tag, such as "INSERT 0 2" (PostgreSQL manual, "Message Formats",
 * CommandComplete). Empty for an empty statement, and where the server sent none.
 */
EVPG_EXPORT const char *evpg_result_tag(const struct evpg_result *result);

/** How many rows were delivered to the row callback; or, without one, are kept here. */
EVPG_EXPORT uint64_t evpg_result_rows(const struct evpg_result *result);

/** The number of rows in the command's tag, retrieved or affected; 0 where it has none (libpq
 * manual, PQcmdTuples). */
EVPG_EXPORT uint64_t evpg_result_affected(const struct evpg_result *result);

/** Whether the row callback returned EVPG_STOP. */
EVPG_EXPORT bool evpg_result_stopped(const struct evpg_result *result);

/** The number of columns the statement returns, also with no rows; 0 where it returns none. */
EVPG_EXPORT int evpg_result_columns(const struct evpg_result *result);

/** A column's name; NULL when there is no such column. */
EVPG_EXPORT const char *evpg_result_column_name(const struct evpg_result *result, int column);

/** The OID of a column's type, as evpg_row_type(); 0 when there is no such column. */
EVPG_EXPORT uint32_t evpg_result_column_type(const struct evpg_result *result, int column);

/** How many parameters a statement has that evpg_prepare() was called with; else 0. */
EVPG_EXPORT int evpg_result_params(const struct evpg_result *result);

/**
 * The OID of the type of such a parameter, as the server has understood it.
 *
 * @param param from 0, which is $1
 * @return 0 when there is no such parameter
 */
EVPG_EXPORT uint32_t evpg_result_param_type(const struct evpg_result *result, int param);

/**
 * A row that was kept because an evpg_query() has no row callback. A script's are never kept.
 *
 * @param index from 0 to evpg_result_rows() - 1
 * @return the row, borrowed as the result is; NULL when there is no such row, or with errno ENOMEM
 */
EVPG_EXPORT const struct evpg_row *evpg_result_row(const struct evpg_result *result,
                                                   uint64_t index);

/** The request that is done. */
EVPG_EXPORT struct evpg_request *evpg_result_request(const struct evpg_result *result);

/** The db it was submitted to. */
EVPG_EXPORT struct evpg_db *evpg_result_db(const struct evpg_result *result);

#ifdef __cplusplus
}
#endif

#endif

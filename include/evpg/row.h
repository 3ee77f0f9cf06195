/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/row.h
 * Reading a row.
 *
 * Columns are numbered from 0. A getter reads the types that it names, of whatever format the value
 * has come in (EVPG_BINARY), and converts nothing that could lose a digit. A call that fails
 * returns what is said below; evpg_row_error() then names the column, its type and the reason,
 * until the next call on a row of the same callback fails. An error says nothing of the request: a
 * row callback that wants the request to fail returns EVPG_FAIL.
 *
 * A row, with all text and bytes in it, is borrowed until the callback returns that was handed the
 * row or its result. More getters are in evpg/scalar.h, evpg/time.h and evpg/array.h; evpg/scan.h
 * reads a whole row. doc/VALUES.md, in the sources, has a table of all types.
 */
#ifndef EVPG_ROW_H
#define EVPG_ROW_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The number of columns; 0 is possible. */
EVPG_EXPORT int evpg_row_columns(const struct evpg_row *row);

/** A column's name, which others in the row may have too; NULL when there is no such column, and of
 * the parts of a value (evpg/array.h), which have none. */
EVPG_EXPORT const char *evpg_row_name(const struct evpg_row *row, int column);

/**
 * The first column of a name.
 *
 * @param name byte for byte, as evpg_row_name() gives it: nothing is folded to lower case
 * @return its number; or -1, and evpg_row_error() names it
 */
EVPG_EXPORT int evpg_row_find(const struct evpg_row *row, const char *name);

/** The OID of a column's type (PostgreSQL manual, "pg_type"); of a domain, that of the type it is
 * made of. 0 when there is no such column. */
EVPG_EXPORT uint32_t evpg_row_type(const struct evpg_row *row, int column);

/** Whether a value is NULL; true as well when there is no such column. */
EVPG_EXPORT bool evpg_row_is_null(const struct evpg_row *row, int column);

/**
 * A value as the server wrote it, of any type (PostgreSQL manual, "Data Types", says how, and by
 * which settings). With EVPG_BINARY only of types whose binary format is text: text, varchar, char,
 * name, json, xml.
 *
 * @return text ended by a NUL byte, in the connection's client_encoding; NULL for NULL, which is no
 *     error, when there is no such column, and for a value in another binary format
 */
EVPG_EXPORT const char *evpg_row_text(const struct evpg_row *row, int column);

/** The same, with another text in place of SQL's NULL; where it fails, NULL all the same. */
EVPG_EXPORT const char *evpg_row_text_or(const struct evpg_row *row, int column,
                                         const char *instead);

/**
 * A value's bytes: of a bytea what it holds, whatever bytea_output is; of any other type the text;
 * with EVPG_BINARY the binary format of any type, which for an enum is its label.
 *
 * @param length of the value in bytes; 0 for NULL, and when it fails. It is always set
 * @return the bytes, never NULL for a value, even an empty one; NULL for NULL, which is no error,
 *     when there is no such column, when the text of a bytea cannot be decoded, or when memory has
 *     run out
 */
EVPG_EXPORT const void *evpg_row_bytes(const struct evpg_row *row, int column, size_t *length);

/**
 * An integer: columns of type smallint, integer, bigint and oid.
 *
 * @param value set on success only
 * @return 0; or -1: another type, NULL, or out of range
 */
EVPG_EXPORT int evpg_row_int32(const struct evpg_row *row, int column, int32_t *value);

/** The same for 64 bits. */
EVPG_EXPORT int evpg_row_int64(const struct evpg_row *row, int column, int64_t *value);

/**
 * A number in floating point: columns of type real, double precision, smallint and integer, all of
 * which it holds exactly. The process's locale does not matter.
 *
 * @param value set on success only; may be an infinity or NaN
 * @return 0; or -1: another type, or NULL
 */
EVPG_EXPORT int evpg_row_double(const struct evpg_row *row, int column, double *value);

/**
 * A truth value: columns of type boolean.
 *
 * @param value set on success only
 * @return 0; or -1: another type, or NULL
 */
EVPG_EXPORT int evpg_row_bool(const struct evpg_row *row, int column, bool *value);

/** The request this row belongs to; NULL once its done callback has returned. */
EVPG_EXPORT struct evpg_request *evpg_row_request(const struct evpg_row *row);

/** Which statement of an evpg_script(), or which member of a batch, this row is of, counted from 0;
 * else 0. */
EVPG_EXPORT int evpg_row_statement(const struct evpg_row *row);

/** Why the last call that failed on a row of this callback did; NULL when none has. A call that
 * succeeds does not take it back. Its code is EVPG_E_VALUE or EVPG_E_MEMORY. Borrowed as the row
 * is, and the next failure writes over it. */
EVPG_EXPORT const struct evpg_error *evpg_row_error(const struct evpg_row *row);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/scalar.h
 * Reading more types of a row's columns: numbers of other sizes, numeric, uuid, addresses, json,
 * bits.
 *
 * As evpg/row.h has it: columns are numbered from 0, values are read alike in text and in binary
 * format, and evpg_row_error() says why a call has failed. Text is borrowed as the row is. Of the
 * getters of text NULL may mean SQL's NULL or a failure: evpg_row_is_null() tells which.
 */
#ifndef EVPG_SCALAR_H
#define EVPG_SCALAR_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An integer of 16 bits: columns of type smallint, integer, bigint and oid.
 *
 * @param value set on success only
 * @return 0; or -1: another type, NULL, or out of range
 */
EVPG_EXPORT int evpg_row_int16(const struct evpg_row *row, int column, int16_t *value);

/**
 * An integer without a sign: columns of type oid, xid and cid. Not regclass and its like, which are
 * names in text format.
 *
 * @param value set on success only
 * @return 0; or -1: another type, or NULL
 */
EVPG_EXPORT int evpg_row_uint32(const struct evpg_row *row, int column, uint32_t *value);

/** The same for 64 bits: columns of type oid, xid, cid, xid8 and pg_lsn. */
EVPG_EXPORT int evpg_row_uint64(const struct evpg_row *row, int column, uint64_t *value);

/**
 * A number in floating point: columns of type real and smallint, which it holds exactly. The
 * process's locale does not matter.
 *
 * @param value set on success only; may be an infinity or NaN
 * @return 0; or -1: another type, or NULL
 */
EVPG_EXPORT int evpg_row_float(const struct evpg_row *row, int column, float *value);

/**
 * A numeric, exactly: columns of type numeric.
 *
 * @return decimal digits as the server shows them, with all zeros of its scale and without an
 *     exponent: "-1234.50"; or "NaN", "Infinity", "-Infinity". NULL for NULL, which is no error;
 *     for another type, and when memory has run out
 */
EVPG_EXPORT const char *evpg_row_numeric(const struct evpg_row *row, int column);

/**
 * A numeric as an integer, for amounts: columns of type numeric. Nothing is ever rounded.
 *
 * @param scale how many digits after the point are wanted: with 2, 12.3 becomes 1230; below 0, how
 *     many zeros before it are left out: with -3, 5000 becomes 5
 * @param value the numeric times 10 to the power of scale, exactly; set on success only
 * @return 0; or -1: another type, NULL, NaN or infinite, digits other than 0 beyond the scale, out
 *     of range, or memory has run out
 */
EVPG_EXPORT int evpg_row_decimal(const struct evpg_row *row, int column, int scale, int64_t *value);

/**
 * A uuid: columns of that type.
 *
 * @param bytes 16 of them, in the order in which they are written; set on success only
 * @return 0; or -1: another type, or NULL
 */
EVPG_EXPORT int evpg_row_uuid(const struct evpg_row *row, int column, unsigned char bytes[16]);

/** What an inet or cidr holds. */
struct evpg_inet_address {
    uint8_t family;            /**< 4 or 6 */
    uint8_t bits;              /**< of the netmask: 32 or 128 where none is written */
    bool is_cidr;              /**< of type cidr: a network, without bits outside its mask */
    unsigned char address[16]; /**< in network byte order; of IPv4 the first four, then 0 */
};

/**
 * An address or a network: columns of type inet and cidr.
 *
 * @param address set on success only
 * @return 0; or -1: another type, or NULL
 */
EVPG_EXPORT int evpg_row_inet(const struct evpg_row *row, int column,
                              struct evpg_inet_address *address);

/**
 * JSON: columns of type json, as it was stored, and jsonb, as the server writes it. It is not
 * parsed here.
 *
 * @return text ended by a NUL byte, in the connection's client_encoding; NULL for NULL, which is no
 *     error, and for another type
 */
EVPG_EXPORT const char *evpg_row_json(const struct evpg_row *row, int column);

/**
 * Bits: columns of type bit and varbit.
 *
 * @return "0101", ended by a NUL byte; NULL for NULL, which is no error; for another type, and when
 *     memory has run out
 */
EVPG_EXPORT const char *evpg_row_bit(const struct evpg_row *row, int column);

#ifdef __cplusplus
}
#endif

#endif

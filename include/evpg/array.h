/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/array.h
 * Values that are made of others: arrays, ranges and composites; read from a row, and sent as
 * parameters.
 *
 * In a row they are presented as rows of their parts: all functions of evpg/row.h read an element
 * of an array, a bound of a range and a field of a composite as they read a column, and those of
 * this header read arrays in composites and the like. Such a row is borrowed as the one it is part
 * of. Its columns have no names. What a part's type is comes from the value where it says so, and
 * else from the type it is a part of, when that is one of the server's own. Where neither tells,
 * evpg_row_type() is 0:
 *
 * - in text format such a part, of a composite for one, is text of which only you know what it is:
 *   the getters for numbers and truth values read it as such when it is written like one,
 *   evpg_row_bytes() gives the text, without decoding a bytea, and the functions below take it for
 *   what they read;
 * - in binary format, with EVPG_BINARY, that is a bound of a range whose type somebody has made:
 *   evpg_row_bytes() alone reads it. So it does a part whose type is a domain, or another that the
 *   library does not know, though evpg_row_type() then tells its OID.
 *
 * Each call decodes the value anew.
 */
#ifndef EVPG_ARRAY_H
#define EVPG_ARRAY_H

#include <evpg/param.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How many dimensions an array can have. */
#define EVPG_ARRAY_MAX_DIMENSIONS 6

/** An array in a row. */
struct evpg_array_view {
    uint32_t element_type;                           /**< as evpg_row_type(); 0: not known */
    int dimensions;                                  /**< 0: it is empty */
    int32_t lengths[EVPG_ARRAY_MAX_DIMENSIONS];      /**< of each dimension */
    int32_t lower_bounds[EVPG_ARRAY_MAX_DIMENSIONS]; /**< of each dimension; in most arrays 1 */
    /** The elements as columns, those with the last subscript next to each other. How many there
     * are is the product of all lengths, and evpg_row_columns(). */
    const struct evpg_row *elements;
};

/**
 * An array: columns of array types, and of types that the library does not know, those of enums for
 * one; in text format it must look like an array.
 *
 *     const struct evpg_array_view *tags = evpg_row_array(row, 2);
 *
 *     for (int i = 0; tags && i < evpg_row_columns(tags->elements); i++)
 *         puts(evpg_row_text_or(tags->elements, i, "NULL"));
 *
 * @return borrowed as the row is; NULL, and evpg_row_error() says why: another type, NULL, no such
 *     column, something that is no array, or memory has run out
 */
EVPG_EXPORT const struct evpg_array_view *evpg_row_array(const struct evpg_row *row, int column);

/** A range in a row. A bound that is infinite, or of an empty range, is not inclusive. */
struct evpg_range_view {
    bool empty;           /**< it holds nothing; then all else is false */
    bool lower_infinite;  /**< it has no lower bound */
    bool upper_infinite;  /**< it has no upper bound */
    bool lower_inclusive; /**< the lower bound belongs to it */
    bool upper_inclusive; /**< the upper bound belongs to it */
    /** Two columns, the lower and the upper bound; NULL where there is none. */
    const struct evpg_row *bounds;
};

/**
 * A range: columns of range types, and of types that the library does not know; as
 * evpg_row_array().
 *
 * @return borrowed as the row is; NULL, and evpg_row_error() says why
 */
EVPG_EXPORT const struct evpg_range_view *evpg_row_range(const struct evpg_row *row, int column);

/**
 * A multirange: columns of multirange types, and of types that the library does not know; as
 * evpg_row_array().
 *
 * @return its ranges as columns, to be read by evpg_row_range(), in order; borrowed as the row is;
 *     NULL, and evpg_row_error() says why
 */
EVPG_EXPORT const struct evpg_row *evpg_row_multirange(const struct evpg_row *row, int column);

/**
 * A composite, which is a row in a value: columns of type record, and of types that the library
 * does not know; as evpg_row_array(). In text format its fields are of type 0, and one without
 * fields looks as if it had one that is NULL.
 *
 * @return its fields as columns; borrowed as the row is; NULL, and evpg_row_error() says why
 */
EVPG_EXPORT const struct evpg_row *evpg_row_composite(const struct evpg_row *row, int column);

/**
 * An array as a parameter. All that is 0 or NULL has a meaning, so it is best set to zero first.
 *
 *     struct evpg_param days[] = {evpg_text("2026-11-25"), evpg_null()};
 *     struct evpg_array_value array = {.element_type = 1082, .elements = days, .n_elements = 2};
 */
struct evpg_array_value {
    /** The OID of the array's own type; 0: that of the elements' type when it is one of the
     * server's own, else the server infers it. */
    uint32_t type;
    /** The OID of the elements' type (PostgreSQL manual, "pg_type"); 0: by the array's own type
     * when that is one of the server's own, else by the first element that has a type. */
    uint32_t element_type;
    /** How many dimensions there are; 0: one, of n_elements. */
    int dimensions;
    const int32_t *lengths;            /**< of each dimension; not looked at when dimensions is 0 */
    const int32_t *lower_bounds;       /**< of each dimension; NULL: all are 1 */
    const struct evpg_param *elements; /**< as in evpg_array_view; arrays are not allowed */
    size_t n_elements;                 /**< how many; 0: an empty array, whatever its dimensions */
};

/**
 * An array. It is sent in binary format when all elements that are not NULL are of the elements'
 * type, and those made by evpg_text() of a type whose binary format is text; else in text format,
 * quoted, which the server then reads as the elements' type.
 *
 * @param array lives, with all it points at, until the call that takes the parameter has returned;
 *     NULL is SQL's NULL. What cannot be sent is refused by that call.
 */
EVPG_EXPORT struct evpg_param evpg_array(const struct evpg_array_value *array);

/** A range as a parameter. A bound that is left out, or NULL, is infinite. */
struct evpg_range_value {
    /** The OID of the range's own type; 0: that of the bounds when it is one of the server's own,
     * else the server infers it. */
    uint32_t type;
    bool empty;              /**< then all below does not matter */
    bool lower_inclusive;    /**< the lower bound belongs to it */
    bool upper_inclusive;    /**< the upper bound belongs to it */
    struct evpg_param lower; /**< the lower bound */
    struct evpg_param upper; /**< the upper bound */
};

/**
 * A range. It is sent in binary format when its bounds are of one type and neither was made by
 * evpg_text(), else in text format.
 *
 * @param range as evpg_array() has it
 */
EVPG_EXPORT struct evpg_param evpg_range(const struct evpg_range_value *range);

/** A composite as a parameter. */
struct evpg_composite_value {
    uint32_t type;                   /**< the OID of its own type; 0: the server infers it */
    const struct evpg_param *fields; /**< all, in order */
    size_t n_fields;                 /**< how many */
};

/**
 * A composite. It is sent in text format, all fields that are not NULL in quotes, so a field may be
 * of any type whose text its own type takes. No setting of the session's matters to dates, times
 * and intervals in it; one that is out of the server's range is refused by the server, as a text
 * that it cannot read (SQLSTATE 22007).
 *
 * @param composite as evpg_array() has it
 */
EVPG_EXPORT struct evpg_param evpg_composite(const struct evpg_composite_value *composite);

#ifdef __cplusplus
}

/** Helpers of EVPG_ARRAY(). */
namespace evpg_detail
{
/** An array of one dimension; the result lives as long as the expression it is made in. */
inline evpg_array_value array_of(uint32_t type, const evpg_param *elements, size_t count)
{
    evpg_array_value array = {};

    array.element_type = type;
    array.elements = elements;
    array.n_elements = count;
    return array;
}
/** As a pointer, for as long as that. */
inline evpg_param array_param(const evpg_array_value &array)
{
    return evpg_array(&array);
}
} // namespace evpg_detail

/**
 * An array of one dimension as a parameter, to be used in the call that takes it:
 * EVPG_PARAMS(EVPG_ARRAY(23, evpg_int32(1), evpg_null())). The first is the elements' type; there
 * must be at least one element.
 */
#define EVPG_ARRAY(type, ...)                                                                      \
    ::evpg_detail::array_param(::evpg_detail::array_of(type, ::evpg_detail::list(__VA_ARGS__).at,  \
                                                       sizeof(::evpg_detail::count(__VA_ARGS__))))
#else

/**
 * An array of one dimension as a parameter, to be used in the block in which it stands:
 * EVPG_PARAMS(EVPG_ARRAY(23, evpg_int32(1), evpg_null())). The first is the elements' type; there
 * must be at least one element.
 */
#define EVPG_ARRAY(type, ...)                                                                      \
    evpg_array(&(const struct evpg_array_value){                                                   \
        0, (type), 0, NULL, NULL, (const struct evpg_param[]){__VA_ARGS__},                        \
        sizeof((const struct evpg_param[]){__VA_ARGS__}) / sizeof(struct evpg_param)})
#endif

#endif

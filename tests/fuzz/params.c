/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * params: what lib/params*.c and param_*.c make, check and lay out: a list of parameters of all
 * kinds, in one another.
 *
 * An input is a program: a letter makes a parameter, with what follows it as its value; see make().
 * What is refused has a reason that names the parameter; what is not is laid out within the memory
 * that was asked for, and is read again, part by part, by the readers.
 */
#include "fuzz.h"

#include "param_parts.h"
#include "params.h"
#include "type.h"
#include "value.h"
#include "value_array.h"
#include "value_range.h"
#include "value_record.h"
#include "written.h"

#include <evpg/array.h>
#include <evpg/time.h>

#include <stdio.h>
#include <string.h>

const char fuzz_name[] = "params";

enum { MOST_PARAMS = 20, MOST_LEVELS = 11 };

/* What is left of the program. */
static const unsigned char *at, *end;

static unsigned take(void)
{
    return at < end ? *at++ : 0;
}

static uint64_t take_number(int size)
{
    uint64_t number = 0;

    while (size-- > 0)
        number = number << 8 | take();
    return number;
}

/* Up to a semicolon, which is passed over. */
static const char *take_text(size_t *length)
{
    const unsigned char *start = at, *stop = at < end ? memchr(at, ';', (size_t)(end - at)) : NULL;

    stop = stop ? stop : end;
    at = stop + (stop < end);
    *length = (size_t)(stop - start);
    return fuzz_text(start, *length);
}

/* Small ones mostly, and of the server's own types. */
static uint32_t take_type(void)
{
    static const uint32_t types[] = {0,    TYPE_INT4, TYPE_TEXT, TYPE_BYTEA, TYPE_BOX, TYPE_NUMERIC,
                                     1007, 1009,      3904,      2249,       99999,    TYPE_JSONB};

    return types[take() % (sizeof(types) / sizeof(*types))];
}

static struct evpg_param make(int level);

static struct evpg_param *make_all(size_t count, int level)
{
    struct evpg_param *params = fuzz_room(count * sizeof(*params));

    for (size_t i = 0; i < count; i++)
        params[i] = make(level + 1);
    return params;
}

static int32_t *take_bounds(void)
{
    int32_t *bounds = fuzz_room(EVPG_ARRAY_MAX_DIMENSIONS * sizeof(*bounds));

    for (int i = 0; i < EVPG_ARRAY_MAX_DIMENSIONS; i++)
        bounds[i] = (int32_t)take_number(4);
    return bounds;
}

/* Lengths that are right, in up to two dimensions; with M any at all. */
static struct evpg_param make_array(bool any, int level)
{
    struct evpg_array_value *array = fuzz_room(sizeof(*array));
    int32_t *lengths = fuzz_room(EVPG_ARRAY_MAX_DIMENSIONS * sizeof(*lengths));

    *array = (struct evpg_array_value){.type = take_type(), .element_type = take_type()};
    array->n_elements = take() % 8;
    lengths[0] = array->n_elements % 2 ? 1 : 2;
    lengths[1] = (int32_t)array->n_elements / lengths[0];
    array->dimensions = any ? (int)(take() % 9) - 1 : (int)(take() % 2) * 2;
    array->lengths = any ? take_bounds() : lengths;
    array->lower_bounds = any ? take_bounds() : NULL;
    array->elements = make_all(array->n_elements, level);
    return evpg_array(array);
}

static struct evpg_param make_range(int level)
{
    struct evpg_range_value *range = fuzz_room(sizeof(*range));
    unsigned flags = take();

    *range = (struct evpg_range_value){.type = take_type(),
                                       .empty = (flags & 7) == 7,
                                       .lower_inclusive = flags & 8,
                                       .upper_inclusive = flags & 16};
    range->lower = make(level + 1);
    range->upper = make(level + 1);
    return evpg_range(range);
}

static struct evpg_param make_composite(int level)
{
    struct evpg_composite_value *composite = fuzz_room(sizeof(*composite));

    *composite = (struct evpg_composite_value){.type = take_type(), .n_fields = take() % 6};
    composite->fields = make_all(composite->n_fields, level);
    return evpg_composite(composite);
}

/* Of no maker: its kind is none, or it is longer than it can be. */
static struct evpg_param make_broken(void)
{
    struct evpg_param param = evpg_int64((int64_t)take_number(8));

    if (take() % 2)
        param.kind = take() % 2 ? 0 : PARAMS_KINDS + (uint8_t)take() % 200;
    else
        param.length = 17 + take_number(8) / 2;
    return param;
}

static struct evpg_param make_number(unsigned kind)
{
    uint64_t bits = take_number(kind == 'h' || kind == 'o' ? 1 : 8);
    double wide;
    float narrow;

    memcpy(&wide, &bits, sizeof(wide));
    memcpy(&narrow, &bits, sizeof(narrow));
    switch (kind) {
    case 'h':
        return evpg_int16((int16_t)bits);
    case 'i':
        return evpg_int32((int32_t)bits);
    case 'l':
        return evpg_int64((int64_t)bits);
    case 'd':
        return evpg_double(wide);
    case 'f':
        return evpg_float(narrow);
    case 'O':
        return evpg_oid((uint32_t)bits);
    case 'D':
        return evpg_date((int32_t)bits);
    case 'T':
        return evpg_timestamptz((int64_t)bits);
    case 'P':
        return evpg_timestamptz_timespec((struct timespec){(time_t)bits, (long)take_number(4)});
    case 'I':
        return evpg_interval_param((struct evpg_interval){(int64_t)bits, (int32_t)take(), -1});
    default:
        return evpg_bool(bits);
    }
}

static struct evpg_param make_text(unsigned kind)
{
    uint32_t type = kind == 'y' ? take_type() : 0;
    size_t length;
    const char *text = take_text(&length);

    switch (kind) {
    case 's':
        return evpg_textn(text, length);
    case 'b':
        return evpg_bytes(text, length);
    case 'N':
        return evpg_numeric(text);
    case 'v':
        return evpg_bit(text);
    case 'j':
        return evpg_jsonb(text);
    default:
        return evpg_typed(type, text);
    }
}

static struct evpg_param make(int level)
{
    unsigned kind = level > MOST_LEVELS ? 'n' : take();

    if (kind == 'A' || kind == 'M')
        return make_array(kind == 'M', level);
    if (kind == 'R')
        return make_range(level);
    if (kind == 'C')
        return make_composite(level);
    if (kind == 'X')
        return make_broken();
    if (kind && strchr("hildfoODTPI", (int)kind))
        return make_number(kind);
    return kind && strchr("sbNvjy", (int)kind) ? make_text(kind) : evpg_null();
}

/* A value that was laid out, or a part of one. */
struct sent {
    bool binary;
    uint32_t type;
    const char *bytes;
    size_t size;
};

/* Two runs of a reader. */
#define READ(parts, call)                                                                          \
    do {                                                                                           \
        fuzz_require((call) == NULL);                                                              \
        (parts) =                                                                                  \
            (struct value_parts){.cells = fuzz_room((parts).count * sizeof(struct row_cell) + 1),  \
                                 .copies = fuzz_room((parts).size + 1)};                           \
        fuzz_require((call) == NULL);                                                              \
    } while (0)

static void check_value(const struct evpg_param *param, const struct sent *sent);

static void check_part(const struct evpg_param *param, const struct value_parts *parts, size_t i,
                       bool binary)
{
    const struct row_cell *cell = &parts->cells[i];
    struct sent sent = {binary, cell->type, cell->text, cell->length};

    fuzz_require(!cell->text == (param->kind == PARAMS_NULL || param->kind == 0));
    if (cell->text)
        check_value(param, &sent);
}

static void check_array(const struct evpg_array_value *array, const struct sent *sent)
{
    uint32_t type = param_element_type(array);
    struct value_parts parts = {0};
    struct value_array read;

    if (sent->binary)
        READ(parts, value_array_binary(sent->bytes, sent->size, &read, &parts));
    else
        READ(parts, value_array_text(sent->bytes, sent->size, type, &read, &parts));
    fuzz_require(parts.count == array->n_elements);
    fuzz_require(parts.count == 0 || read.dimensions == param_dimensions(array));
    fuzz_require(read.element_type == type);
    for (int i = 0; i < read.dimensions; i++)
        fuzz_require(read.lengths[i] == param_length(array, i) &&
                     read.lower_bounds[i] == param_lower_bound(array, i));
    for (size_t i = 0; i < parts.count; i++)
        check_part(&array->elements[i], &parts, i, sent->binary);
}

static void check_range(const struct evpg_range_value *range, const struct sent *sent)
{
    struct value_parts parts = {0};
    struct value_range read;

    if (sent->binary)
        READ(parts, value_range_binary(sent->bytes, sent->size, 0, &read, &parts));
    else
        READ(parts, value_range_text(sent->bytes, sent->size, 0, &read, &parts));
    fuzz_require(read.empty == range->empty && parts.count == 2);
    if (read.empty)
        return;
    fuzz_require(read.infinite[0] == !param_is_bound(&range->lower));
    fuzz_require(read.inclusive[0] == (range->lower_inclusive && !read.infinite[0]));
    fuzz_require(read.inclusive[1] == (range->upper_inclusive && !read.infinite[1]));
    check_part(&range->lower, &parts, 0, sent->binary);
    check_part(&range->upper, &parts, 1, sent->binary);
}

/* In text format one without fields looks as if it had one. */
static void check_composite(const struct evpg_composite_value *composite, const struct sent *sent)
{
    struct value_parts parts = {0};

    if (sent->binary)
        READ(parts, value_record_binary(sent->bytes, sent->size, &parts));
    else
        READ(parts, value_record_text(sent->bytes, sent->size, &parts));
    if (!sent->binary && composite->n_fields == 0)
        return;
    fuzz_require(parts.count == composite->n_fields);
    for (size_t i = 0; i < parts.count; i++)
        check_part(&composite->fields[i], &parts, i, sent->binary);
}

static void check_bytes(const struct evpg_param *param, const struct sent *sent)
{
    unsigned char *bytes = fuzz_room(sent->size);
    size_t length;

    fuzz_require(!value_read_bytea(sent->bytes, sent->size, bytes, &length));
    fuzz_require(length == param->length && memcmp(bytes, param->value.pointer, length) == 0);
}

static void check_value(const struct evpg_param *param, const struct sent *sent)
{
    const void *value = param->value.pointer;

    if (param->kind == PARAMS_ARRAY)
        check_array(value, sent);
    else if (param->kind == PARAMS_RANGE)
        check_range(value, sent);
    else if (param->kind == PARAMS_COMPOSITE)
        check_composite(value, sent);
    else if (param->kind == PARAMS_INLINE && !sent->binary)
        written_check(param, fuzz_text(sent->bytes, sent->size));
    else if (param->kind == PARAMS_BYTES && !sent->binary)
        check_bytes(param, sent);
    else
        fuzz_require(sent->size == param->length &&
                     memcmp(sent->bytes,
                            param->kind == PARAMS_INLINE ? param->value.inline_bytes : value,
                            sent->size) == 0);
}

static void check_sent(const struct evpg_param *param, const struct params *sent, int i,
                       const char *memory, size_t size)
{
    struct sent one = {sent->formats[i], sent->types[i], sent->values[i], (size_t)sent->lengths[i]};

    fuzz_require(!one.bytes == (param->kind == PARAMS_NULL));
    if (!one.bytes)
        return;
    fuzz_require(sent->lengths[i] >= 0 && one.bytes >= memory);
    fuzz_require(one.bytes + one.size + 1 <= memory + size && one.bytes[one.size] == '\0');
    fuzz_require(one.binary || !memchr(one.bytes, '\0', one.size));
    check_value(param, &one);
}

static void check_reason(const char *why, size_t count)
{
    unsigned number = 0;
    int length = 0;

    fuzz_good(why);
    fuzz_require(sscanf(why, "parameter $%u%n", &number, &length) == 1);
    fuzz_require(number >= 1 && number <= count && (why[length] == ':' || why[length] == ','));
    fuzz_require(strstr(why, ": ") && strstr(why, ": ")[2]);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    struct evpg_param *params = fuzz_room(MOST_PARAMS * sizeof(*params));
    size_t count = 0, room;
    struct params sent;
    char why[200] = "", *memory;

    end = bytes + size;
    for (at = bytes; at < end && count < MOST_PARAMS;)
        params[count++] = make(0);
    params = fuzz_copy(params, count * sizeof(*params));
    if (!params_check(params, count, why, sizeof(why))) {
        check_reason(why, count);
        return;
    }
    fuzz_require(!*why);
    room = params_size(params, count);
    memory = fuzz_room(room);
    params_copy(&sent, params, count, memory);
    fuzz_require(sent.count == (int)count);
    for (size_t i = 0; i < count; i++)
        check_sent(&params[i], &sent, (int)i, memory, room);
}

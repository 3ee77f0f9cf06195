/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_RECORD_H
#define VALUE_RECORD_H

#include "value_part.h"

/* The fields of a composite become parts: in binary each of its type, in text of none that is
 * known. NULL, or the reason why it cannot be read. In text, () is one field that is NULL. */
const char *value_record_text(const char *text, size_t length, struct value_parts *parts);
const char *value_record_binary(const void *bytes, size_t length, struct value_parts *parts);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_TEXT_H
#define VALUE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for every text. */
#define VALUE_TEXT_SIZE 64

/* Whether the binary format of that type can be written as text. */
bool value_text_can(uint32_t type);

/* Writes it, ended by a NUL byte; gives its length. The bytes are as many as the type has. */
size_t value_text_write(uint32_t type, const unsigned char *bytes, char to[VALUE_TEXT_SIZE]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz: what the fuzz targets share. Each target is a file that defines fuzz_name and fuzz_one(),
 * and is linked with fuzz.c, and with clang's libFuzzer (scripts/fuzz) or with driver.c, by which
 * it is an ordinary test. Its samples are in the file of its name, with .samples after it: one a
 * line,
 * \\ for a backslash and \xHH for a byte that is not printed.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest input that is looked at, and the longest time that one may take. */
enum { FUZZ_MOST_BYTES = 4096, FUZZ_MOST_MS = 100 };

/* By the target. Any bytes may come; what it finds is told by fuzz_require() and the sanitizers. */
extern const char fuzz_name[];
void fuzz_one(const unsigned char *bytes, size_t size);

/* As libFuzzer calls it, and the driver. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What one of them has taken so far. */
double fuzz_longest_ms(void);

/* Memory of just that size until the input is done, so that reading beyond it is seen; a copy; and
 * one with a NUL byte after it. */
void *fuzz_room(size_t size);
void *fuzz_copy(const void *bytes, size_t size);
char *fuzz_text(const void *bytes, size_t size);
char *fuzz_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* In network byte order, as the server's binary format has numbers. */
void fuzz_put(unsigned char *to, uint64_t number, int size);

/* Whether a reader has read; if not, its reason must be one. */
bool fuzz_good(const char *why);

/* Ends the process. */
_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

#define fuzz_require(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

#endif

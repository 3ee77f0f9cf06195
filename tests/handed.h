/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HANDED_H
#define HANDED_H

/* Results that libpq has handed to the library, and that have not been cleared yet. For programs
 * in which a server makes libpq itself lose memory, so that LeakSanitizer must be told to look away
 * there. */
long handed_results(void);

#endif

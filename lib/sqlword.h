/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SQLWORD_H
#define SQLWORD_H

#include <stdbool.h>

enum sqlword {
    SQLWORD_PLAIN,    /* anything else, an empty statement included */
    SQLWORD_COPY,     /* changes the protocol's mode */
    SQLWORD_BEGIN,    /* opens a transaction block */
    SQLWORD_COMMIT,   /* ends one, wanting its effects: COMMIT, END, PREPARE TRANSACTION */
    SQLWORD_ROLLBACK, /* ends one without; and what has to do with savepoints */
    SQLWORD_LISTEN,   /* LISTEN, UNLISTEN */
    SQLWORD_DISCARD,  /* drops what others may be using: DISCARD, DEALLOCATE */
    SQLWORD_ALONE,    /* must not share the wire with others, or may commit in its midst: CALL, DO,
                         VACUUM, CREATE INDEX and their like */
};

/* What a statement is, by its first words. */
enum sqlword sqlword_of(const char *sql);

/* Whether it opens or ends a transaction block, or is about one, or what the session listens to. */
bool sqlword_pins(enum sqlword word);

/* Whether the server plans it, so that preparing it saves work: SELECT and its like. */
bool sqlword_is_planned(const char *sql);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/error.h
 * Why something failed, how far it had come, and whether it may be tried again.
 */
#ifndef EVPG_ERROR_H
#define EVPG_ERROR_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What kind of failure it is. */
enum evpg_code {
    EVPG_E_SERVER = 1,  /**< the server refused the statement: see its SQLSTATE */
    EVPG_E_CONNECT,     /**< no connection could be had */
    EVPG_E_AUTH,        /**< the server refused the login: SQLSTATE 28xxx, or 3D000 */
    EVPG_E_TLS,         /**< TLS was asked for, and is not to be had, or the certificate is bad */
    EVPG_E_LOST,        /**< the connection was lost */
    EVPG_E_TIMEOUT,     /**< a deadline of ours passed */
    EVPG_E_CANCELED,    /**< evpg_request_cancel() was called */
    EVPG_E_CLOSED,      /**< the db was closed or freed */
    EVPG_E_ABORTED,     /**< skipped because of an earlier error; see also evpg_transaction() */
    EVPG_E_ROLLED_BACK, /**< COMMIT was asked for, and the server rolled back; or evpg_rollback()
                           was */
    EVPG_E_VALUE, /**< a value could not be read as asked, or the row callback returned EVPG_FAIL */
    EVPG_E_LIMIT, /**< more came than evpg_request_set_limits() allows */
    EVPG_E_PROTOCOL, /**< the server broke the protocol; the connection was closed */
    EVPG_E_MEMORY    /**< memory ran out */
};

/** What became of the statement: the contract for trying again. */
enum evpg_fate {
    EVPG_FATE_NOT_SENT = 1, /**< it never left: safe to submit again */
    EVPG_FATE_NOT_EXECUTED, /**< the server rejected it, or rolled it back: no effect */
    EVPG_FATE_EXECUTED,     /**< the server finished it; the failure came later */
    EVPG_FATE_UNKNOWN       /**< sent, and no final answer: it may have run, or not */
};

/** How far the request had come. */
enum evpg_phase {
    EVPG_PHASE_CONNECTING = 1, /**< the connection was not up yet */
    EVPG_PHASE_QUEUED,         /**< waiting to be sent */
    EVPG_PHASE_SENT,           /**< sent, and not yet its turn to be answered */
    EVPG_PHASE_RUNNING,        /**< first in line to be answered; rows may have come */
    EVPG_PHASE_SETTLING        /**< answered but for the Sync at its end */
};

/** The server's error fields (libpq manual, PQresultErrorField). */
enum evpg_field {
    EVPG_FIELD_SEVERITY,          /**< never localized: ERROR, FATAL or PANIC */
    EVPG_FIELD_SQLSTATE,          /**< five characters (PostgreSQL manual, "Error Codes") */
    EVPG_FIELD_MESSAGE,           /**< the primary message, whole */
    EVPG_FIELD_DETAIL,            /**< more about it */
    EVPG_FIELD_HINT,              /**< what to do about it */
    EVPG_FIELD_POSITION,          /**< in the query, in characters from 1 */
    EVPG_FIELD_INTERNAL_POSITION, /**< in the internal query */
    EVPG_FIELD_INTERNAL_QUERY,    /**< one the server made, in a function perhaps */
    EVPG_FIELD_CONTEXT,           /**< where it happened, a line for each level */
    EVPG_FIELD_SCHEMA,            /**< the schema concerned */
    EVPG_FIELD_TABLE,             /**< the table */
    EVPG_FIELD_COLUMN,            /**< the column */
    EVPG_FIELD_DATATYPE,          /**< the data type */
    EVPG_FIELD_CONSTRAINT,        /**< the constraint */
    EVPG_FIELD_FILE,              /**< the server's source file */
    EVPG_FIELD_LINE,              /**< and line */
    EVPG_FIELD_ROUTINE,           /**< and function */
    EVPG_FIELD_COUNT              /**< how many there are */
};

/** The kind of failure. */
EVPG_EXPORT enum evpg_code evpg_error_code(const struct evpg_error *error);

/** What became of the statement. */
EVPG_EXPORT enum evpg_fate evpg_error_fate(const struct evpg_error *error);

/** How far it had come. */
EVPG_EXPORT enum evpg_phase evpg_error_phase(const struct evpg_error *error);

/**
 * The server's SQLSTATE; where the failure is not the server's, "" or one that says the same:
 * 08006 for a lost connection, 08001 for one that could not be had. Never NULL.
 */
EVPG_EXPORT const char *evpg_error_sqlstate(const struct evpg_error *error);

/**
 * One line, ready to print, without a line feed and at most 511 bytes long. The server's message
 * in full is EVPG_FIELD_MESSAGE. Passwords and parameters' values are not in it, save what a
 * server's own message quotes.
 */
EVPG_EXPORT const char *evpg_error_message(const struct evpg_error *error);

/** One of the server's fields; NULL where there is none, as when the failure is not the server's.
 */
EVPG_EXPORT const char *evpg_error_field(const struct evpg_error *error, enum evpg_field field);

/** The statement's text, as it was submitted; NULL where there was no statement. */
EVPG_EXPORT const char *evpg_error_query(const struct evpg_error *error);

/**
 * Keeps an error beyond the callback that borrowed it.
 *
 * @return a copy, to be freed by evpg_error_free(); NULL with errno ENOMEM, or for NULL
 */
EVPG_EXPORT struct evpg_error *evpg_error_copy(const struct evpg_error *error);

/** Frees a copy; NULL is allowed. Never for an error that was borrowed. */
EVPG_EXPORT void evpg_error_free(struct evpg_error *copy);

#ifdef __cplusplus
}
#endif

#endif

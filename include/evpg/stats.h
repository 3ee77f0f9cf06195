/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/stats.h
 * What a pool is doing and has done: numbers, and how long things took. They are kept all the time,
 * take no memory but that of the pool, and names where these are counted.
 */
#ifndef EVPG_STATS_H
#define EVPG_STATS_H

#include <evpg/common.h>

#include <event2/buffer.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How many buckets a histogram has. */
#define EVPG_HISTOGRAM_BUCKETS 128

/**
 * How long something took, in microseconds. Four buckets for each power of two, so that a value is
 * known to a quarter of it; what took more than two hours is in the last.
 */
struct evpg_histogram {
    uint64_t count;                          /**< how often */
    uint64_t sum_us;                         /**< all together */
    uint64_t max_us;                         /**< the longest */
    uint64_t bucket[EVPG_HISTOGRAM_BUCKETS]; /**< how often, by how long */
};

/**
 * What the values of a bucket are less than.
 *
 * @param bucket from 0 on; another one than there is is taken for the last
 * @return in microseconds; UINT64_MAX for the last
 */
EVPG_EXPORT uint64_t evpg_histogram_bound(int bucket);

/**
 * A quantile: what that part of the values are less than, or equal to, by the buckets' bounds and
 * the longest.
 *
 * @param histogram NULL: no values
 * @param part from 0 to 1: 0.99 for the 99th percentile
 * @return in microseconds; 0 without values
 */
EVPG_EXPORT uint64_t evpg_histogram_quantile(const struct evpg_histogram *histogram, double part);

/** Of a pool. Made by EVPG_POOL_STATS() or evpg_pool_stats_default(), for evpg_pool_get_stats(). */
struct evpg_pool_stats {
    /** sizeof(struct evpg_pool_stats), as the two makers set it. */
    size_t size;

    /** @name Now */
    /**@{*/
    uint64_t connections;         /**< that there are, or are being opened */
    uint64_t standby_connections; /**< of these: to standbys, see standby_conninfo */
    uint64_t opening;             /**< of these: that are being opened */
    uint64_t idle;                /**< that have nothing to do */
    uint64_t busy;                /**< that run requests of the pool's */
    uint64_t leased;              /**< that are leased */
    uint64_t waiting;       /**< requests that wait for a connection, evpg_acquire() included */
    uint64_t waiting_bytes; /**< the memory that these take */
    /** Requests that were given to connections: those of leases and of transactions included, a
     * transaction as one, beside its statements. What the library sends by itself, such as BEGIN,
     * COMMIT and checks, does not count. */
    uint64_t running;
    uint64_t canceling; /**< cancel requests to the server that are under way */
    /**@}*/

    /** @name Since the pool was made: requests, those of leases included */
    /**@{*/
    uint64_t submitted; /**< that were accepted */
    uint64_t refused;   /**< that were not */
    uint64_t succeeded; /**< that are done without an error */
    uint64_t failed;    /**< that are done with an error: of these: */
    uint64_t timed_out; /**< with EVPG_E_TIMEOUT */
    uint64_t canceled;  /**< with EVPG_E_CANCELED */
    uint64_t lost;      /**< with EVPG_E_LOST */
    uint64_t cut_off;   /**< with EVPG_E_CLOSED */
    uint64_t
        abandoned; /**< that evpg_request_abandon() was called for: neither succeeded nor failed */
    uint64_t sent_again; /**< that were sent a second time, see doc/RELIABILITY.md */
    uint64_t rows;       /**< that they have brought */
    uint64_t leases;     /**< that were given out */
    /**@}*/

    /** @name Since the pool was made: connections */
    /**@{*/
    uint64_t connected;        /**< that were opened */
    uint64_t connect_failures; /**< attempts that failed */
    uint64_t connections_lost; /**< that were lost, not closed */
    uint64_t cancel_requests;  /**< by which the server was asked to stop something */
    /**@}*/

    /** @name How long it took */
    /**@{*/
    struct evpg_histogram
        queue_time; /**< from the submission until it was sent, or there was a lease */
    struct evpg_histogram connect_time; /**< from the attempt's begin until the login was over */
    struct evpg_histogram
        first_row_time; /**< from the submission to the first row, for a row callback */
    struct evpg_histogram total_time; /**< from the submission until it was done, or failed */
    /**@}*/
};

/** Statistics, in C: EVPG_POOL_STATS(). */
#define EVPG_POOL_STATS() ((struct evpg_pool_stats){.size = sizeof(struct evpg_pool_stats)})

/** Statistics, for any language. */
static inline struct evpg_pool_stats evpg_pool_stats_default(void)
{
    struct evpg_pool_stats stats;
    memset(&stats, 0, sizeof(stats));
    stats.size = sizeof(stats);
    return stats;
}

/**
 * Gives what a pool is doing and has done.
 *
 * @param pool from evpg_pool_new()
 * @param stats to be filled as far as its size says; made by EVPG_POOL_STATS()
 * @return 0; or -1 with errno EINVAL: it is not a pool, or the size is not that of statistics
 */
EVPG_EXPORT int evpg_pool_get_stats(struct evpg_db *pool, struct evpg_pool_stats *stats);

/** Of the requests of one name. */
struct evpg_name_stats {
    const char *name;                 /**< as evpg_request_set_name() had it, 63 bytes at most */
    uint64_t succeeded;               /**< that are done without an error */
    uint64_t failed;                  /**< that are done with an error */
    struct evpg_histogram total_time; /**< from the submission until it was done */
};

/**
 * Gives what has been counted for the requests of one name (evpg_request_set_name()), for the first
 * max_request_names names that were done (struct evpg_pool_config).
 *
 * @param pool from evpg_pool_new()
 * @param index from 0 on
 * @return borrowed until control is back in the loop; NULL: there are no more
 */
EVPG_EXPORT const struct evpg_name_stats *evpg_pool_name_stats(struct evpg_db *pool, size_t index);

/**
 * Writes all that in the text format of Prometheus (version 0.0.4), each metric with its HELP and
 * TYPE, as an HTTP server's answer to /metrics: counters, gauges, and histograms in seconds.
 *
 * A label is written as it stands, but for what Prometheus wants escaped, if it is UTF-8 and does
 * not contain \\x. In all others bytes that are no UTF-8 are written as \\xff is, and each
 * backslash twice: so no two names are written alike. It takes about 2 us for each name.
 *
 * @param pool from evpg_pool_new()
 * @param out what it is added to; nothing is, where this fails
 * @param label the value of the label "pool", whatever bytes it has. NULL: no label
 * @return 0; or -1 with errno EINVAL (not a pool, no buffer) or ENOMEM
 */
EVPG_EXPORT int evpg_pool_write_metrics(struct evpg_db *pool, struct evbuffer *out,
                                        const char *label);

#ifdef __cplusplus
}
#endif

#endif

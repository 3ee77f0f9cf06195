/* SPDX-License-Identifier: BSD-2-Clause */
/* unit_pool_config: what is wrong with the settings of a pool, without a server. */
#include "harness.h"

#include <errno.h>

static char why[256];

static void check_refused(const struct evpg_pool_config *config, const char *setting)
{
    errno = 0;
    ck_assert_int_eq(evpg_pool_config_check("", config, why, sizeof(why)), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_msg(strstr(why, setting) != NULL, "\"%s\" does not name %s", why, setting);
}

static void check_accepted(const struct evpg_pool_config *config)
{
    ck_assert_msg(evpg_pool_config_check("", config, why, sizeof(why)) == 0, "%s", why);
    ck_assert_str_eq(why, "");
}

#define REFUSED(member, value) check_refused(&EVPG_POOL_CONFIG(.member = (value)), #member)

START_TEST(defaults)
{
    struct evpg_pool_config config = evpg_pool_config_default();

    check_accepted(NULL);
    check_accepted(&config);
    check_accepted(&EVPG_POOL_CONFIG());
    config.max_connections = 10000;
    config.min_connections = 10000;
    check_accepted(&config);
}
END_TEST

START_TEST(where_standbys_are)
{
    check_accepted(&EVPG_POOL_CONFIG(.standby_conninfo = "host=a,b target_session_attrs=standby"));
    check_refused(&EVPG_POOL_CONFIG(.standby_conninfo = "hots=a"), "standby_conninfo: ");
}
END_TEST

START_TEST(below_minus_one)
{
    REFUSED(max_connections, -2);
    REFUSED(min_connections, -2);
    REFUSED(max_connecting, -2);
    REFUSED(max_requests_per_connection, -2);
    REFUSED(max_bytes_per_connection, -2);
    REFUSED(head_of_line_ms, -2);
    REFUSED(max_queued_requests, INT32_MIN);
    REFUSED(max_queued_bytes, INT64_MIN);
    REFUSED(query_wait_timeout_ms, -2);
    REFUSED(query_timeout_ms, -2);
    REFUSED(server_lifetime_ms, -3600000);
    REFUSED(server_idle_timeout_ms, -2);
    REFUSED(max_uses, -2);
    REFUSED(server_check_delay_ms, -2);
    REFUSED(server_check_timeout_ms, -2);
    REFUSED(reconnect_min_ms, -2);
    REFUSED(reconnect_max_ms, -2);
    REFUSED(server_connect_timeout_ms, -2);
    REFUSED(high_water, -2);
    REFUSED(low_water, -2);
    REFUSED(max_request_names, -2);
}
END_TEST

START_TEST(none_where_there_must_be_some)
{
    REFUSED(max_connections, -1);
    REFUSED(max_connecting, -1);
    REFUSED(max_requests_per_connection, -1);
    REFUSED(reconnect_min_ms, -1);
    REFUSED(reconnect_max_ms, -1);
}
END_TEST

START_TEST(none_where_that_can_be)
{
    struct evpg_pool_config config = evpg_pool_config_default();

    config.min_connections = config.head_of_line_ms = config.max_queued_requests = -1;
    config.max_queued_bytes = config.max_bytes_per_connection = -1;
    config.query_wait_timeout_ms = config.server_lifetime_ms = config.server_idle_timeout_ms = -1;
    config.max_uses = config.server_check_delay_ms = config.server_check_timeout_ms = -1;
    config.server_connect_timeout_ms = -1;
    check_accepted(&config);
}
END_TEST

START_TEST(contradictions)
{
    struct evpg_conn_config connection = evpg_conn_config_default();

    REFUSED(max_connections, 10001);
    REFUSED(min_connections, 9);
    check_refused(&EVPG_POOL_CONFIG(.max_connections = 2, .min_connections = 3), "max_connections");
    check_refused(&EVPG_POOL_CONFIG(.reconnect_min_ms = 2, .reconnect_max_ms = 1),
                  "reconnect_min_ms");
    check_refused(&EVPG_POOL_CONFIG(.high_water = 10, .low_water = 11), "low_water");
    check_refused(&EVPG_POOL_CONFIG(.high_water = 10, .max_queued_requests = 9), "high_water");
    check_accepted(&EVPG_POOL_CONFIG(.max_queued_requests = 1));
    check_accepted(&EVPG_POOL_CONFIG(.reconnect_max_ms = 1));
    check_accepted(&EVPG_POOL_CONFIG(.reconnect_min_ms = 100000));
    connection.open_timeout_ms = -2;
    check_refused(&EVPG_POOL_CONFIG(.connection = &connection), "connection");
}
END_TEST

/* An older application's is shorter, a newer one's longer. */
START_TEST(other_versions)
{
    struct {
        struct evpg_pool_config config;
        char more[16];
    } newer = {EVPG_POOL_CONFIG(), ""};
    struct evpg_pool_config older = evpg_pool_config_default();

    newer.config.size = sizeof(newer);
    check_accepted(&newer.config);
    newer.more[15] = 1;
    check_refused(&newer.config, "size");
    older.server_connect_timeout_ms = -5;
    older.size = offsetof(struct evpg_pool_config, max_connecting);
    check_accepted(&older);
    older.size = 0;
    check_refused(&older, "size");
}
END_TEST

START_TEST(connection_string)
{
    ck_assert_int_eq(evpg_pool_config_check("hots=nowhere", NULL, why, sizeof(why)), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "hots"));
    ck_assert_int_eq(evpg_pool_config_check("hots=nowhere", NULL, NULL, 0), -1);
    ck_assert_int_eq(evpg_pool_config_check("host=nowhere.invalid", NULL, NULL, 7), 0);
    ck_assert_int_eq(evpg_pool_config_check("hots=nowhere", NULL, why, 5), -1);
    ck_assert_uint_eq(strlen(why), 4);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_pool_config");
    TCase *tcase = tcase_create("config");

    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, where_standbys_are);
    tcase_add_test(tcase, below_minus_one);
    tcase_add_test(tcase, none_where_there_must_be_some);
    tcase_add_test(tcase, none_where_that_can_be);
    tcase_add_test(tcase, contradictions);
    tcase_add_test(tcase, other_versions);
    tcase_add_test(tcase, connection_string);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}

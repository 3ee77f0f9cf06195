/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conninfo: what lib/conninfo.c and address.c read: a connection string, and lists of addresses.
 *
 * An input is a string, in which $ stands for a password. It gives places, each with a port, or one
 * line of a message that does not tell the password.
 */
#include "fuzz.h"

#include "conninfo.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char fuzz_name[] = "conninfo";

static const char password[] = "hunter2";

/* What files and environment would add, and what libpq has to say of them. */
static void shut_out(void)
{
    static bool done;
    static const char *const names[] = {"PGHOST",           "PGHOSTADDR", "PGPORT",
                                        "PGUSER",           "PGPASSWORD", "PGDATABASE",
                                        "PGSERVICE",        "PGPASSFILE", "PGTARGETSESSIONATTRS",
                                        "PGCONNECT_TIMEOUT"};

    if (done)
        return;
    done = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unsetenv(names[i]);
    setenv("HOME", "/nonexistent", 1);
    setenv("PGSYSCONFDIR", "/nonexistent", 1);
    setenv("PGSERVICEFILE", "/nonexistent/services", 1);
}

static char *with_password(const unsigned char *bytes, size_t size)
{
    char *text = fuzz_room(size * (sizeof(password) - 1) + 1), *to = text;

    for (size_t i = 0; i < size && bytes[i]; i++) {
        if (bytes[i] == '$')
            to = stpcpy(to, password);
        else
            *to++ = (char)bytes[i];
    }
    *to = '\0';
    return fuzz_text(text, (size_t)(to - text));
}

/* Whether it is a URI, and stands where people put it: //user:password@, whatever it is to libpq.
 */
static bool is_meant(const char *text)
{
    const char *slashes = strncmp(text, "postgres", 8) == 0 ? strstr(text, "://") : NULL;
    const char *at = strstr(text, password);
    size_t before = at ? (size_t)(at - text) : 0;

    return slashes && at && slashes + 3 <= at && !strstr(at + 1, password) && strchr(at, '@') &&
           memchr(slashes + 3, ':', (size_t)(at - slashes - 3)) && !memchr(text, '?', before);
}

/* Whether the password stands anywhere else. */
static bool is_elsewhere(const char *text)
{
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    bool elsewhere = false;

    for (PQconninfoOption *o = options; o && o->keyword; o++)
        if (o->val && strcmp(o->keyword, "password") != 0 && strstr(o->val, password))
            elsewhere = true;
    PQconninfoFree(options);
    return elsewhere;
}

static void check_message(const struct evpg_error *error, const char *text)
{
    const char *message = evpg_error_message(error);

    fuzz_require(*message && evpg_error_code(error) == EVPG_E_CONNECT);
    fuzz_require(evpg_error_fate(error) == EVPG_FATE_NOT_SENT);
    for (const char *at = message; *at; at++)
        fuzz_require((unsigned char)*at >= ' ' && *at != 127);
    fuzz_require(!strstr(message, password) || (!is_meant(text) && is_elsewhere(text)));
}

static void check_address(const struct address *address)
{
    fuzz_require(address->port && *address->port);
    if (address->is_name)
        fuzz_require(address->host && *address->host && !address->hostaddr);
    fuzz_require(!address->hostaddr || *address->hostaddr);
}

static void check_list(const struct address_list *list)
{
    fuzz_require(list->count > 0);
    for (size_t i = 0; i < list->count; i++)
        check_address(&list->at[i]);
}

/* Where a password was meant that libpq takes for something else, the string is to be refused, at
 * least while nothing before it is a user's name. */
static void check_good(const struct conninfo *info, const char *text)
{
    const char *at = strchr(text, '@');

    fuzz_require(!is_meant(text) || at < strstr(text, password) || !is_elsewhere(text));
    check_list(conninfo_addresses(info));
    fuzz_require(conninfo_timeout_ms(info) >= -1 && conninfo_timeout_ms(info) != 1000);
    fuzz_require(!conninfo_prefers_standby(info) || conninfo_target(info));
}

/* Three lists, with lines between them. */
static void read_lists(char *text)
{
    char *addresses = strchr(text, '\n'), *ports = addresses ? strchr(addresses + 1, '\n') : NULL;
    struct address_list *list;
    const char *why = NULL;

    if (!ports)
        return;
    *addresses++ = *ports++ = '\0';
    list = address_list_new(text, addresses, ports, &why);
    if (list)
        check_list(list);
    else
        fuzz_require(why && *why);
    mem_free(list);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    char *text = with_password(bytes, size);
    struct evpg_error error = {0};
    struct conninfo *info;

    shut_out();
    info = conninfo_new(text, &error);
    if (info)
        check_good(info, text);
    else
        check_message(&error, text);
    conninfo_free(info);
    read_lists(text);
}

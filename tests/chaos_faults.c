/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_faults: see chaos_faults.h.
 *
 * Called by the tick of chaos.c. At most one fault of the network, at one proxy, and one of the
 * server are under way. Nothing here waits: the server is restarted by a child. A fault that is
 * over is followed by a probe, which must succeed, and then by a while without one.
 */
#include "chaos_faults.h"

#include "chaos_ears.h"

#include "chaos_probe.h"
#include "server.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEALED_MS = 20000, MOST_CHILD_FD = 4096 };

enum slot_state { CALM, FAULTY, HEALING };

/* Where a fault is: in the network, or at the server. */
struct slot {
    enum slot_state state;
    struct chance chance;
    struct fault *fault;
    struct link *link; /* one of those that it concerns; NULL: all */
    pid_t pid;         /* of the process concerned */
    double next_ms;    /* when the state changes */
    struct probe probe;
    double worst_ms; /* to be healed */
    struct fault *faults;
    int n_faults;
};

struct fault {
    const char *name;
    int weight;
    bool (*begin)(struct slot *slot); /* false: it cannot be had now */
    void (*end)(struct slot *slot);   /* or NULL */
    int least_ms, most_ms;
    int count;
};

static struct proxy_settings *settings_of(struct slot *slot)
{
    return &slot->link->proxy->settings;
}

static bool begin_reset(struct slot *slot)
{
    proxy_reset(slot->link->proxy);
    return true;
}

static bool begin_close(struct slot *slot)
{
    proxy_close(slot->link->proxy);
    return true;
}

static bool begin_half_close(struct slot *slot)
{
    proxy_half_close(slot->link->proxy);
    return true;
}

static bool begin_hold(struct slot *slot)
{
    settings_of(slot)->hold = true;
    proxy_apply(slot->link->proxy);
    return true;
}

static bool begin_black_hole(struct slot *slot)
{
    settings_of(slot)->black_hole = true;
    return true;
}

static bool begin_silence(struct slot *slot)
{
    settings_of(slot)->silent = true;
    proxy_close(slot->link->proxy);
    return true;
}

static bool begin_refusal(struct slot *slot)
{
    proxy_refuse(slot->link->proxy, true);
    proxy_reset(slot->link->proxy);
    return true;
}

static bool begin_pieces(struct slot *slot)
{
    settings_of(slot)->piece = (size_t)chance_of(&slot->chance, 1, 200);
    settings_of(slot)->client_piece = (size_t)chance_of(&slot->chance, 0, 200);
    return true;
}

static bool begin_delays(struct slot *slot)
{
    settings_of(slot)->delay_ms = chance_of(&slot->chance, 1, 50);
    return true;
}

/* Small numbers are as likely as great ones: within the login, and later. */
static bool begin_cuts(struct slot *slot)
{
    settings_of(slot)->cut_at = chance_of(&slot->chance, 1, 1 << chance_of(&slot->chance, 1, 17));
    settings_of(slot)->cut_by_reset = once_in(&slot->chance, 2);
    return true;
}

/* What has swallowed bytes must not go on as if it had not. */
static void end_network_fault(struct slot *slot)
{
    struct proxy *proxy = slot->link->proxy;
    bool holed = proxy->settings.black_hole;

    proxy->settings = (struct proxy_settings){.cut_at = -1, .flip_at = -1};
    if (holed)
        proxy_reset(proxy);
    proxy_refuse(proxy, false);
    proxy_apply(proxy);
}

static struct fault network_faults[] = {
    {"reset", 10, begin_reset, end_network_fault, 0, 0, 0},
    {"close", 10, begin_close, end_network_fault, 0, 0, 0},
    {"half close", 10, begin_half_close, end_network_fault, 0, 0, 0},
    {"hold", 10, begin_hold, end_network_fault, 100, 2000, 0},
    {"long hold", 3, begin_hold, end_network_fault, 4000, 6000, 0},
    {"black hole", 8, begin_black_hole, end_network_fault, 100, 2000, 0},
    {"long black hole", 3, begin_black_hole, end_network_fault, 4000, 6000, 0},
    {"silence", 6, begin_silence, end_network_fault, 100, 2000, 0},
    {"refusal", 10, begin_refusal, end_network_fault, 100, 2000, 0},
    {"pieces", 10, begin_pieces, end_network_fault, 100, 2000, 0},
    {"delays", 10, begin_delays, end_network_fault, 100, 2000, 0},
    {"cuts", 10, begin_cuts, end_network_fault, 100, 2000, 0},
};

/* A number of a process that has ended may be somebody else's by now. */
static bool is_backend(pid_t pid)
{
    char path[64];
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = pid > 1 ? fopen(path, "r") : NULL;
    if (!file)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    fclose(file);
    return parent > 1 && parent == server_pid();
}

/* A connection's or a listener's. */
static pid_t choose_backend(struct slot *slot)
{
    int i = chance_of(&slot->chance, 0, N_LINKS + N_EARS - 1);

    if (i >= N_LINKS)
        return ear_pid(i - N_LINKS);
    slot->link = &links[i];
    return slot->link->state == LINK_UP ? PQbackendPID(evpg_pgconn(slot->link->db)) : 0;
}

static bool signal_backend(struct slot *slot, int signal_number)
{
    slot->pid = choose_backend(slot);
    return is_backend(slot->pid) && kill(slot->pid, signal_number) == 0;
}

static bool begin_termination(struct slot *slot)
{
    return signal_backend(slot, SIGTERM);
}

static bool begin_stop(struct slot *slot)
{
    return signal_backend(slot, SIGSTOP);
}

static bool begin_kill(struct slot *slot)
{
    return signal_backend(slot, SIGKILL);
}

static void end_backend_stop(struct slot *slot)
{
    if (is_backend(slot->pid))
        kill(slot->pid, SIGCONT);
}

static bool begin_postmaster_stop(struct slot *slot)
{
    slot->pid = server_pid();
    return slot->pid > 1 && kill(slot->pid, SIGSTOP) == 0;
}

static void end_postmaster_stop(struct slot *slot)
{
    kill(slot->pid, SIGCONT);
}

/* The child must not hold connections open that we end. */
static bool restart(struct slot *slot, int signal_number)
{
    fflush(NULL);
    slot->pid = fork();
    if (slot->pid != 0)
        return slot->pid > 0;
    for (int fd = 3; fd < MOST_CHILD_FD; fd++)
        close(fd);
    server_stop(signal_number);
    server_start();
    _exit(0);
}

static bool begin_fast_restart(struct slot *slot)
{
    return restart(slot, SIGINT);
}

static bool begin_immediate_restart(struct slot *slot)
{
    return restart(slot, SIGQUIT);
}

static bool is_restart(const struct fault *fault)
{
    return fault->begin == begin_fast_restart || fault->begin == begin_immediate_restart;
}

/* Whether the child has ended. */
static bool restart_is_over(struct slot *slot)
{
    int status = 0;

    if (waitpid(slot->pid, &status, WNOHANG) != slot->pid)
        return false;
    if (status != 0)
        chaos_fail("the server was not restarted: status %d", status);
    return true;
}

/* The restarts are the last two: they have times of their own. */
enum { N_RESTARTS = 2 };

static struct fault server_faults[] = {
    {"backend terminated", 10, begin_termination, NULL, 0, 0, 0},
    {"backend stopped", 10, begin_stop, end_backend_stop, 300, 300, 0},
    {"backend stopped for long", 1, begin_stop, end_backend_stop, 4000, 5000, 0},
    {"backend killed", 2, begin_kill, NULL, 0, 0, 0},
    {"postmaster stopped", 5, begin_postmaster_stop, end_postmaster_stop, 100, 2000, 0},
    {"fast restart", 0, begin_fast_restart, NULL, 0, 0, 0},
    {"immediate restart", 0, begin_immediate_restart, NULL, 0, 0, 0},
};

enum { NETWORK, SERVER, N_SLOTS };

static struct slot slots[N_SLOTS] = {
    {.faults = network_faults, .n_faults = sizeof(network_faults) / sizeof(*network_faults)},
    {.faults = server_faults, .n_faults = sizeof(server_faults) / sizeof(*server_faults)}};
static double next_restart_ms;
static bool resting;

static struct fault *choose(struct slot *slot)
{
    int sum = 0, number;
    struct fault *fault = slot->faults;

    if (slot == &slots[SERVER] && now_ms() >= next_restart_ms) {
        next_restart_ms = now_ms() + chance_of(&slot->chance, 20000, 50000);
        return &server_faults[slot->n_faults - (once_in(&slot->chance, 3) ? 1 : N_RESTARTS)];
    }
    for (int i = 0; i < slot->n_faults; i++)
        sum += slot->faults[i].weight;
    for (number = chance_of(&slot->chance, 0, sum - 1); number >= fault->weight; fault++)
        number -= fault->weight;
    return fault;
}

static void choose_proxied_link(struct slot *slot)
{
    do {
        slot->link = &links[chance_of(&slot->chance, 0, N_LINKS - 1)];
    } while (!slot->link->proxy);
}

static void begin_fault(struct slot *slot)
{
    struct fault *fault = choose(slot);

    slot->link = NULL;
    if (slot == &slots[NETWORK])
        choose_proxied_link(slot);
    slot->next_ms = now_ms() + chance_of(&slot->chance, fault->least_ms, fault->most_ms);
    if (!fault->begin(slot)) {
        slot->next_ms = now_ms() + 100;
        return;
    }
    fault->count++;
    slot->fault = fault;
    slot->state = FAULTY;
    if (options.verbose)
        chaos_say("%s, connection %d", fault->name, slot->link ? (int)(slot->link - links) : -1);
}

static bool is_over(struct slot *slot)
{
    if (is_restart(slot->fault))
        return restart_is_over(slot);
    return now_ms() >= slot->next_ms;
}

static void end_fault(struct slot *slot)
{
    if (slot->fault->end)
        slot->fault->end(slot);
    slot->state = HEALING;
    slot->next_ms = now_ms() + HEALED_MS;
    probe_begin(&slot->probe, slot == &slots[NETWORK] ? slot->link->conninfo : "");
}

/* While the server has a fault of its own, a probe of the network is not to blame. */
static void heal(struct slot *slot)
{
    double took = now_ms() - slot->probe.start_ms;

    if (slot == &slots[NETWORK] && slots[SERVER].state != CALM)
        slot->next_ms = now_ms() + HEALED_MS;
    if (!probe_tick(&slot->probe)) {
        if (now_ms() < slot->next_ms)
            return;
        chaos_fail("no fresh connection within %d s of: %s", HEALED_MS / 1000, slot->fault->name);
        probe_end(&slot->probe);
    }
    slot->worst_ms = took > slot->worst_ms ? took : slot->worst_ms;
    slot->state = CALM;
    slot->next_ms = now_ms() + chance_of(&slot->chance, 100, slot == &slots[SERVER] ? 3000 : 1000);
}

static void slot_tick(struct slot *slot)
{
    if (slot->state == FAULTY && is_over(slot))
        end_fault(slot);
    else if (slot->state == HEALING)
        heal(slot);
    else if (slot->state == CALM && !resting && now_ms() >= slot->next_ms)
        begin_fault(slot);
}

void faults_tick(void)
{
    for (int i = 0; i < N_SLOTS; i++)
        slot_tick(&slots[i]);
}

void faults_begin(void)
{
    srand((unsigned)options.seed); /* the proxies' delays */
    for (int i = 0; i < N_SLOTS; i++) {
        slots[i].chance.state = options.seed + 10 + (uint64_t)i;
        slots[i].next_ms = now_ms() + 1000;
    }
    next_restart_ms = now_ms() + 5000;
}

void faults_rest(void)
{
    resting = true;
}

bool faults_at_rest(void)
{
    return slots[NETWORK].state == CALM && slots[SERVER].state == CALM;
}

const char *faults_now(void)
{
    static char names[100];
    const struct fault *network = slots[NETWORK].fault, *server = slots[SERVER].fault;

    snprintf(names, sizeof(names), "%s%s, %s%s", network ? network->name : "none",
             slots[NETWORK].state == FAULTY ? "" : " (over)", server ? server->name : "none",
             slots[SERVER].state == FAULTY ? "" : " (over)");
    return names;
}

void faults_report(void)
{
    int sum = 0;

    for (int i = 0; i < N_SLOTS; i++)
        for (int j = 0; j < slots[i].n_faults; j++)
            sum += slots[i].faults[j].count;
    printf("faults: %d\n", sum);
    for (int i = 0; i < N_SLOTS; i++)
        for (int j = 0; j < slots[i].n_faults; j++)
            printf("  %s: %d\n", slots[i].faults[j].name, slots[i].faults[j].count);
    printf("  slowest to heal: network %.0f ms, server %.0f ms\n", slots[NETWORK].worst_ms,
           slots[SERVER].worst_ms);
}

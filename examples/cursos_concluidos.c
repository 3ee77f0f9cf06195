/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * cursos_concluidos: who has completed which course, row by row, while the loop does other things.
 *
 *     consulta_cursos_concluidos(db, exibir_dado);
 *
 * "consulta cursos concluidos" is Portuguese for "query the completed courses", "exibir dado" for
 * "show an item". The query returns at once; exibir_dado is called once for each row, later, and
 * once more at the end or when something fails.
 *
 *     cursos_concluidos [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 *
 * The database is made by examples/cursos.sql. Exit status: 0, or 1 when something failed.
 */
#include <evpg.h>

#include <event2/event.h>

#include <stdio.h>

struct dado {
    const struct evpg_row *linha;  /* a row; or NULL: this was the last */
    const struct evpg_error *erro; /* with the last: NULL, or why it failed */
};

typedef void (*exibir_cb)(const struct dado *dado);

static struct event *relogio; /* the clock: other work of the loop */
static int batidas;           /* how often it has ticked */
static int linhas;            /* how many rows were shown */
static int falhou;            /* whether something failed */

static enum evpg_flow ao_chegar_linha(const struct evpg_row *linha, void *exibir)
{
    const struct dado dado = {linha, NULL};

    (*(exibir_cb *)exibir)(&dado);
    return EVPG_NEXT;
}

static void ao_terminar(const struct evpg_result *resultado, void *exibir)
{
    const struct dado dado = {NULL, evpg_result_error(resultado)};

    (*(exibir_cb *)exibir)(&dado);
    evpg_free(evpg_result_db(resultado)); /* legal in any callback; and the loop can end */
    event_del(relogio);
}

/* Queries the completed courses: returns at once, exibir is called later. */
static int consulta_cursos_concluidos(struct evpg_db *db, exibir_cb exibir)
{
    static exibir_cb guardada; /* kept for as long as the query runs */

    guardada = exibir;
    return evpg_query(
               db,
               "select a.nome, c.titulo, to_char(f.concluido_em, 'DD/MM/YYYY') as data, f.nota"
               " from conclusoes f join alunos a on a.id = f.aluno_id"
               " join cursos c on c.id = f.curso_id"
               " where c.carga_horaria >= $1"
               " order by f.concluido_em, a.nome, c.titulo",
               EVPG_PARAMS(evpg_int32(60)), ao_chegar_linha, ao_terminar, &guardada)
               ? 0
               : -1;
}

/* Shows an item: a row, the end, or an error; all come here. */
static void exibir_dado(const struct dado *dado)
{
    if (dado->linha) {
        linhas++;
        printf("%s  %5s  %s: %s\n", evpg_row_text(dado->linha, 2),
               evpg_row_text_or(dado->linha, 3, "-"), evpg_row_text(dado->linha, 0),
               evpg_row_text(dado->linha, 1));
    } else if (dado->erro) {
        falhou = 1;
        fprintf(stderr, "failed: %s\n", evpg_error_message(dado->erro));
    } else {
        printf("%d rows; meanwhile the clock of the same loop has ticked %d times\n", linhas,
               batidas);
    }
}

static void ao_bater(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (batidas++ == 0)
        printf("tick: the loop goes on while the server works\n");
}

int main(int argc, char **argv)
{
    const struct timeval um_milissegundo = {0, 1000};
    struct event_base *base = event_base_new();
    struct evpg_db *db = base ? evpg_conn_new(base, argc > 1 ? argv[1] : NULL, NULL) : NULL;

    relogio = base ? event_new(base, -1, EV_PERSIST, ao_bater, NULL) : NULL;
    if (!db || !relogio || event_add(relogio, &um_milissegundo) < 0 || !evpg_open(db, NULL, NULL) ||
        consulta_cursos_concluidos(db, exibir_dado) < 0) {
        perror("cursos_concluidos");
        return 1;
    }
    printf("the query is submitted, and consulta_cursos_concluidos has returned\n");
    event_base_dispatch(base);
    event_free(relogio);
    event_base_free(base);
    return falhou;
}

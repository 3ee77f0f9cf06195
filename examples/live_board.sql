-- SPDX-License-Identifier: 0BSD (do with it what you like)
--
-- What live_board.c needs of the database that cursos.sql makes; loaded after it, all or nothing:
--
--   psql -X -q -v ON_ERROR_STOP=1 -f examples/cursos.sql -f examples/live_board.sql
--
-- Each completion gets a number, and a new one when it is changed. Whoever gives one out keeps the
-- others waiting until it has committed, so the numbers are in the order of the commits: who has
-- seen one has seen all below it. A sequence by itself does not promise that. When that is done the
-- bell rings: NOTIFY conclusoes, with what to do.

begin;
set local client_encoding = 'UTF8';

create sequence alunos_id owned by alunos.id;
do $$ begin
    perform setval('alunos_id', coalesce(max(id), 0) + 1, false) from alunos;
end $$;
alter table alunos alter id set default nextval('alunos_id');

alter table conclusoes add numero bigint;
update conclusoes as c
   set numero = n.numero
  from (select aluno_id, curso_id,
               row_number() over (order by concluido_em, aluno_id, curso_id) as numero
          from conclusoes) as n
 where (c.aluno_id, c.curso_id) = (n.aluno_id, n.curso_id);
alter table conclusoes alter numero set not null, add unique (numero);
create sequence conclusoes_numero owned by conclusoes.numero;
do $$ begin
    perform setval('conclusoes_numero', coalesce(max(numero), 0) + 1, false) from conclusoes;
end $$;

create function conclusoes_numerar() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock('conclusoes'::regclass::oid::bigint);
    new.numero := nextval('conclusoes_numero');
    return new;
end $$;
create trigger numerar before insert or update on conclusoes
    for each row execute function conclusoes_numerar();

create function conclusoes_avisar() returns trigger language plpgsql as $$
begin
    perform pg_notify('conclusoes', tg_argv[0]);
    return null;
end $$;
create trigger avisar after insert or update on conclusoes
    for each statement execute function conclusoes_avisar('look');
create trigger avisar_falta after delete or truncate on conclusoes
    for each statement execute function conclusoes_avisar('look at all');

commit;

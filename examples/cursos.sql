-- SPDX-License-Identifier: 0BSD (do with it what you like)
--
-- A small course database, in Portuguese, for the examples: 40 students (alunos), 12 courses
-- (cursos) and 300 completed courses (conclusoes: when, and with what mark; NULL: not marked).
-- Always the same rows. Loads into the current database, all or nothing:
--
--   psql -X -q -v ON_ERROR_STOP=1 -f examples/cursos.sql

begin;
set local client_encoding = 'UTF8';

create table alunos (
    id   integer primary key,
    nome text not null unique
);

create table cursos (
    id            integer primary key,
    titulo        text not null unique,
    carga_horaria integer not null check (carga_horaria > 0)
);

create table conclusoes (
    aluno_id     integer not null references alunos,
    curso_id     integer not null references cursos,
    concluido_em date not null,
    nota         numeric(4,2) check (nota between 0 and 10),
    primary key (aluno_id, curso_id)
);

create index conclusoes_curso on conclusoes (curso_id);

insert into alunos (id, nome) values
    (1, 'Ana Beatriz Carvalho'),
    (2, 'António Figueiredo'),
    (3, 'Arthur Gonçalves'),
    (4, 'Beatriz Nogueira'),
    (5, 'Bruno Araújo'),
    (6, 'Caio Magalhães'),
    (7, 'Camila Rocha'),
    (8, 'Carolina Assunção'),
    (9, 'Cecília Drummond'),
    (10, 'Daniel Sampaio'),
    (11, 'Débora Vasconcelos'),
    (12, 'Diogo Pacheco'),
    (13, 'Eduardo Brandão'),
    (14, 'Elisa Monteiro'),
    (15, 'Felipe Simões'),
    (16, 'Fernanda Quintão'),
    (17, 'Francisca Leitão'),
    (18, 'Gabriel Peixoto'),
    (19, 'Gonçalo Teixeira'),
    (20, 'Helena Guimarães'),
    (21, 'Henrique Falcão'),
    (22, 'Inês Valadares'),
    (23, 'Isabela Cordeiro'),
    (24, 'João Pedro Barreto'),
    (25, 'José Antunes'),
    (26, 'Júlia Meireles'),
    (27, 'Larissa Coutinho'),
    (28, 'Leonardo Sá'),
    (29, 'Letícia Paixão'),
    (30, 'Lucas Bittencourt'),
    (31, 'Luís Sardinha'),
    (32, 'Maria Clara Queirós'),
    (33, 'Mariana Fontes'),
    (34, 'Matheus Serrão'),
    (35, 'Natália Prado'),
    (36, 'Otávio Lacerda'),
    (37, 'Rafaela Conceição'),
    (38, 'Sofia Bragança'),
    (39, 'Thiago Muniz'),
    (40, 'Vitória Espínola');

insert into cursos (id, titulo, carga_horaria) values
    (1, 'Introdução à Programação', 60),
    (2, 'Programação em C', 80),
    (3, 'Estruturas de Dados', 80),
    (4, 'Algoritmos e Complexidade', 60),
    (5, 'Banco de Dados Relacional', 80),
    (6, 'SQL Avançado', 40),
    (7, 'Redes de Computadores', 60),
    (8, 'Sistemas Operacionais', 80),
    (9, 'Programação Orientada a Eventos', 40),
    (10, 'Engenharia de Software', 60),
    (11, 'Segurança da Informação', 40),
    (12, 'Português para Redação Técnica', 30);

insert into conclusoes (aluno_id, curso_id, concluido_em, nota)
select aluno,
       curso,
       date '2024-02-01' + (aluno * 13 + curso * 29) % 640,
       case when (aluno + curso * 3) % 11 > 0 then 5 + (aluno * 37 + curso * 53) % 101 / 20.0 end
from generate_series(1, 40) as aluno, generate_series(1, 12) as curso
where (aluno * 7 + curso * 5) % 8 < 5;

commit;

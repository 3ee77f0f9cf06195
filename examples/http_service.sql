-- The tables of http_service.c, the first two those of TechEmpower's benchmark:
--     psql -f http_service.sql
create table world (id int primary key, randomnumber int not null);
insert into world select id, 1 + floor(random() * 10000)::int from generate_series(1, 10000) as id;
create table fortune (id int primary key, message text not null);
insert into fortune values
    (1, 'fortune: No such file or directory'),
    (2, 'A computer scientist is someone who fixes things that aren''t broken.'),
    (3, 'After enough decimal places, nobody gives a damn.'),
    (4, 'A bad random number generator: 1, 1, 1, 1, 1, 4.33e+67, 1, 1, 1'),
    (5, 'A computer program does what you tell it to do, not what you want it to do.'),
    (6, 'Emacs is a nice operating system, but I prefer UNIX.'),
    (7, 'Any program that runs right is obsolete.'),
    (8, 'A list is only as strong as its weakest link.'),
    (9, 'Feature: A bug with seniority.'),
    (10, 'Computers make very fast, very accurate mistakes.'),
    (11, '<script>alert("This should not be displayed in a browser alert box.");</script>'),
    (12, 'フレームワークのベンチマーク');
create table orders (id int not null);

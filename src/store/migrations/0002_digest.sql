-- Damage that leaves a row readable shows in its digest, a copy that is older than another in the count of changes.
-- No digest = kept by a version that made none.
alter table roster add column digest text;
alter table assignment add column digest text;
create table change (
    id integer primary key check (id = 1),
    count integer not null
);
insert into change (id, count) values (1, 0);

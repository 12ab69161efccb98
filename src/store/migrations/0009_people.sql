-- Who may come in by the page, and programs with a token: hashes alone. Not in the copies of the database, as an old copy would
-- bring back a password or a token that was taken away.
create table account (
    name text primary key,
    hash text not null
);
create table token (
    name text primary key,
    digest text not null unique,
    read_only integer not null,
    since text not null,
    expires text,
    used text
);

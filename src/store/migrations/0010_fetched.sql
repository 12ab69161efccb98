-- What each phone last took whole of its files: as people see it, secrets as asterisks, and a seal over what was sent, by a key of
-- this host's. At: seconds since 1970, when it first took it as it is. Goes with the phone's assignment; not in the copies.
create table fetched (
    mac text not null,
    name text not null,
    at integer not null,
    seal blob not null,
    body text not null,
    primary key (mac, name)
);
create table seal_key (
    id integer primary key check (id = 1),
    octets blob not null
);

-- Who is at which address, for phones alone: strangers are never written. Times are seconds since 1970.
create table pin (
    ip text not null,
    mac text not null,
    at integer not null,
    primary key (ip, mac)
);
create table overheard (
    ip text primary key,
    mac text not null,
    at integer not null
);
-- Where the first contact of each phone stands.
create table first_contact (
    mac text primary key,
    body text not null
);

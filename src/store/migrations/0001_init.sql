-- The daemon's own database. No rendered file is ever kept; secrets only in roster.account.
create table roster (
    id integer primary key check (id = 1),
    confirmed_at text not null,
    body text not null
);
create table assignment (
    mac text primary key,
    body text not null
);
create table event (
    id integer primary key autoincrement,
    mac text not null,
    at text not null,
    body text not null
);
create index event_mac on event (mac, id);

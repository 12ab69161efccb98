-- Conversions: where each phone is on its path, what is believed to run on it, whether more may begin, and who did what.
create table conversion (
    mac text primary key,
    body text not null
);
create table belief (
    mac text primary key,
    body text not null
);
create table campaign (
    id integer primary key check (id = 1),
    body text not null
);
create table audit (
    id integer primary key autoincrement,
    at text not null,
    who text not null,
    what text not null
);

-- Addresses given out over DHCP. Times in milliseconds of the clock of leases, which begins as the wall clock and does not
-- step; where it was last stands in lease_clock, so that it never goes back.
create table lease (
    ip text primary key,
    mac text not null,
    ends integer not null,
    state text not null,
    phone integer not null,
    model text,
    hostname text
);
create table lease_clock (
    id integer primary key check (id = 1),
    at integer not null
);

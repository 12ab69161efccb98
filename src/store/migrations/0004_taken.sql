-- When a phone last asked for a file of the firmware store, seconds since 1970: it stays for a day after that.
create table taken (
    sha256 text primary key,
    at integer not null
);

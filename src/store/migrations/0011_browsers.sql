-- Browsers that got in before, by the hash of what they show: they wait for nobody else who tries a password. Used: seconds since 1970.
create table browser (
    digest text primary key,
    used integer not null
);

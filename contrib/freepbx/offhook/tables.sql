-- offhook's tables in the PBX database (MariaDB, usually `asterisk`). Run as root:
--   mariadb asterisk < offhook-mariadb.sql
-- offhook reads the first two and writes only the third. Times are UTC.
create table if not exists offhook_phones (
    mac char(12) not null primary key,
    model varchar(20) not null default 'auto',
    description varchar(80),
    target_load varchar(40),
    options text,
    enabled tinyint not null default 1
) engine = InnoDB default charset = utf8mb4;

create table if not exists offhook_lines (
    mac char(12) not null,
    button smallint not null,
    kind varchar(12) not null default 'line',
    extension varchar(255),
    label varchar(40),
    primary key (mac, button)
) engine = InnoDB default charset = utf8mb4;

create table if not exists offhook_status (
    mac char(12) not null primary key,
    ip varchar(45),
    stage varchar(16),
    health varchar(16),
    reason varchar(40),
    summary varchar(255),
    load_id varchar(40),
    lines_registered smallint,
    lines_total smallint,
    since datetime,
    updated datetime
) engine = InnoDB default charset = utf8mb4;

-- The tables of FreePBX that offhook reads, and offhook's own, for SQLite: the demo's PBX.
create table users (extension varchar(20) not null default '', password varchar(20), name varchar(50), voicemail varchar(50), ringtimer int);
create table devices (id varchar(20) not null default '', tech varchar(10) not null default '', dial varchar(255) not null default '',
    devicetype varchar(5) not null default '', user varchar(50), description varchar(50));
create table sip (id varchar(20) not null default '-1', keyword varchar(30) not null default '', data varchar(8100) not null,
    flags int not null default 0, primary key (id, keyword));
create table admin (variable varchar(20) not null primary key, value varchar(80) not null default '');
create table sipsettings (keyword varchar(50) not null, data varchar(255) not null default '', seq tinyint not null default 0,
    type tinyint not null default 0, primary key (keyword, seq, type));
create table kvstore_Sipsettings (key char(255) not null, val varchar(4096), type char(16), id char(255), unique (key, id));
create table offhook_phones (mac char(12) not null primary key, model varchar(20) not null default 'auto', description varchar(80),
    target_load varchar(40), options text, enabled tinyint not null default 1);
create table offhook_lines (mac char(12) not null, button smallint not null, kind varchar(12) not null default 'line',
    extension varchar(255), label varchar(40), primary key (mac, button));
create table offhook_status (mac char(12) not null primary key, ip varchar(45), stage varchar(16), health varchar(16), reason varchar(40),
    summary varchar(255), load_id varchar(40), lines_registered smallint, lines_total smallint, since datetime, updated datetime);
insert into admin (variable, value) values ('need_reload', 'false'), ('version', '16.0.33');

-- The daemon's own account: reads what it needs, writes its status and nothing else. Run as root after
-- offhook-mariadb.sql, then set a password of your own and put it into the configuration:
--   mariadb asterisk < grants.sql
--   mariadb -e "set password for 'offhook'@'localhost' = password('…')"
--   [pbx] database_url = "mysql://offhook:…@localhost/asterisk?socket=/run/mysqld/mysqld.sock"
-- Until then nobody can log in as it: no password has this hash.
create user if not exists 'offhook'@'localhost' identified by password '*0000000000000000000000000000000000000000';
grant select on asterisk.users to 'offhook'@'localhost';
grant select on asterisk.devices to 'offhook'@'localhost';
grant select on asterisk.sip to 'offhook'@'localhost';
grant select on asterisk.admin to 'offhook'@'localhost';
grant select on asterisk.sipsettings to 'offhook'@'localhost';
grant select on asterisk.featurecodes to 'offhook'@'localhost';
grant select on asterisk.kvstore_Sipsettings to 'offhook'@'localhost';
grant select on asterisk.offhook_phones to 'offhook'@'localhost';
grant select on asterisk.offhook_lines to 'offhook'@'localhost';
grant select, insert, update, delete on asterisk.offhook_status to 'offhook'@'localhost';

-- The daemon's own account: reads what it needs, writes its status and nothing else. Run as root after
-- offhook-mariadb.sql, on the database the PBX has, then set a password of your own and put it into the configuration
-- (`offhook setup` does both by these very statements):
--   mariadb asterisk < grants.sql
--   mariadb -e "alter user 'offhook'@'localhost' identified by '…'"
--   [pbx] database_url = "mysql://offhook:…@localhost/asterisk?socket=/run/mysqld/mysqld.sock"
-- Until then nobody can log in as it: no password has this hash. In the spelling that MySQL 8 takes, too.
create user if not exists 'offhook'@'localhost' identified with mysql_native_password as '*0000000000000000000000000000000000000000';
grant select on users to 'offhook'@'localhost';
grant select on devices to 'offhook'@'localhost';
grant select on sip to 'offhook'@'localhost';
grant select on admin to 'offhook'@'localhost';
grant select on sipsettings to 'offhook'@'localhost';
grant select on featurecodes to 'offhook'@'localhost';
grant select on kvstore_Sipsettings to 'offhook'@'localhost';
grant select on offhook_phones to 'offhook'@'localhost';
grant select on offhook_lines to 'offhook'@'localhost';
grant select, insert, update, delete on offhook_status to 'offhook'@'localhost';

-- The tables of FreePBX 15 to 17 that offhook reads, as its modules declare them, with a few rows by hand.
CREATE TABLE users (
  extension varchar(20) NOT NULL DEFAULT '', password varchar(20) DEFAULT NULL, name varchar(50) DEFAULT NULL,
  voicemail varchar(50) DEFAULT NULL, ringtimer int(11) DEFAULT NULL, mohclass varchar(80) DEFAULT 'default', KEY extension (extension)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE devices (
  id varchar(20) NOT NULL DEFAULT '', tech varchar(10) NOT NULL DEFAULT '', dial varchar(255) NOT NULL DEFAULT '',
  devicetype varchar(5) NOT NULL DEFAULT '', user varchar(50) DEFAULT NULL, description varchar(50) DEFAULT NULL,
  emergency_cid varchar(100) DEFAULT NULL, hint_override varchar(100) DEFAULT NULL, KEY id (id), KEY tech (tech)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE sip (
  id varchar(20) NOT NULL DEFAULT '-1', keyword varchar(30) NOT NULL DEFAULT '', data varchar(8100) NOT NULL,
  flags int(11) NOT NULL DEFAULT 0, PRIMARY KEY (id, keyword)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE admin (
  variable varchar(20) NOT NULL DEFAULT '', value varchar(80) NOT NULL DEFAULT '', PRIMARY KEY (variable)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE sipsettings (
  keyword varchar(50) NOT NULL DEFAULT '', seq tinyint(1) NOT NULL DEFAULT 0, type tinyint(1) NOT NULL DEFAULT 0,
  data varchar(255) NOT NULL DEFAULT '', PRIMARY KEY (keyword, seq, type)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE featurecodes (
  modulename varchar(50) NOT NULL DEFAULT '', featurename varchar(50) NOT NULL DEFAULT '', defaultcode varchar(20) DEFAULT NULL,
  customcode varchar(20) DEFAULT NULL, enabled tinyint(1) NOT NULL DEFAULT 0, PRIMARY KEY (modulename, featurename)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
CREATE TABLE kvstore_Sipsettings (
  `key` char(255) NOT NULL, val varchar(4096) DEFAULT NULL, type char(16) DEFAULT NULL, id char(255) DEFAULT NULL,
  UNIQUE KEY uniqueindex (`key`(190), id(190))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO admin VALUES ('need_reload', 'false'), ('version', '16.0.33');
INSERT INTO sipsettings VALUES ('bindport', 1, 0, '5160'), ('tlsbindport', 1, 0, '5161');
INSERT INTO featurecodes VALUES ('voicemail', 'myvoicemail', '*97', '', 1), ('core', 'pickup', '**', '', 1);
INSERT INTO kvstore_Sipsettings VALUES ('udpport-0.0.0.0', '5060', NULL, 'noid'), ('tcpport-0.0.0.0', '5060', NULL, 'noid'),
  ('binds', '{"udp":{"0.0.0.0":"on"},"tcp":{"0.0.0.0":"on"}}', 'json-arr', 'noid');

//! A database shaped as FreePBX's, on a private MariaDB or in an SQLite file, with the same statements for both.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use tempfile::TempDir;

use super::{in_repository, succeed, text};

/// The daemon's own account in the MariaDB.
const PASSWORD: &str = "CANARY-database-5d";

/// A database of the test's own.
pub(crate) enum Database {
    /// A server that this value started, and stops.
    MariaDb(MariaDb),
    /// A file.
    Sqlite {
        /// Where it is.
        path: PathBuf,
        /// Keeps the folder.
        _folder: TempDir,
    },
}

/// A private server in a folder of its own.
pub(crate) struct MariaDb {
    folder: TempDir,
    socket: String,
}

impl MariaDb {
    /// An empty one.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("ohm").tempdir_in("/tmp").unwrap();
        let mut server = Self { folder, socket: String::new() };
        server.up();
        server
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = Command::new(in_repository("tests/env/mariadb"));
        command.arg(verb).arg("--dir").arg(self.folder.path());
        command
    }

    /// Starts the server, again after [`MariaDb::down`].
    pub(crate) fn up(&mut self) {
        let line = succeed(&mut self.script("start"));
        let socket = line.split_whitespace().find_map(|word| word.strip_prefix("socket="));
        socket
            .unwrap_or_else(|| panic!("tests/env/mariadb start printed no socket=: {line}"))
            .clone_into(&mut self.socket);
    }

    /// Sends the server a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        super::signal(&self.folder.path().join("pid"), name);
    }

    /// Stops the server and keeps its data.
    pub(crate) fn down(&self) {
        succeed(&mut self.script("stop"));
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &str {
        &self.socket
    }

    /// What root gets for these statements: rows as lines, columns with tabs between.
    pub(crate) fn client(&self, sql: &str, arguments: &[&str]) -> String {
        let mut command = self.script("sql");
        let mut child = command
            .args(["--default-character-set=utf8mb4", "-N", "-B"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{sql}\n{}", text(&output.stderr));
        text(&output.stdout)
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        // One that was stopped by a signal does not hear of its end.
        self.signal("CONT");
        // Without --wipe: the folder goes with its TempDir.
        let _ = self.script("stop").stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

impl Database {
    /// FreePBX's tables and ours on a server of its own, no extension in them; `offhook` may log in with what the
    /// grants of `contrib/sql` allow.
    pub(crate) fn mariadb() -> Self {
        let server = MariaDb::start();
        server.client("CREATE DATABASE IF NOT EXISTS asterisk CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", &[]);
        for file in ["tests/data/freepbx.sql", "contrib/sql/offhook-mariadb.sql"] {
            server.client(&std::fs::read_to_string(in_repository(file)).unwrap(), &["asterisk"]);
        }
        server.client("CREATE USER IF NOT EXISTS 'offhook'@'localhost'", &[]);
        server.client(&std::fs::read_to_string(in_repository("contrib/sql/grants.sql")).unwrap(), &["asterisk"]);
        server.client(&format!("ALTER USER 'offhook'@'localhost' IDENTIFIED BY '{PASSWORD}'"), &[]);
        let database = Self::MariaDb(server);
        database.empty();
        database
    }

    /// FreePBX's tables alone, as on the day it was installed: its own account may do everything in its database, root is
    /// let in by who it is, as Debian's server does it, and nothing of ours is there.
    pub(crate) fn freepbx() -> Self {
        let server = MariaDb::start();
        server.client("CREATE DATABASE IF NOT EXISTS asterisk CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", &[]);
        server.client(&std::fs::read_to_string(in_repository("tests/data/freepbx.sql")).unwrap(), &["asterisk"]);
        let password = super::host::FREEPBX_PASSWORD;
        server.client(
            &format!(
                "CREATE TABLE modules (modulename varchar(50) primary key, version varchar(20), enabled tinyint);\n\
                 CREATE USER 'freepbxuser'@'localhost' IDENTIFIED BY '{password}';\n\
                 GRANT ALL PRIVILEGES ON asterisk.* TO 'freepbxuser'@'localhost';"
            ),
            &["asterisk"],
        );
        if std::fs::metadata("/proc/self").is_ok_and(|facts| std::os::unix::fs::MetadataExt::uid(&facts) == 0) {
            server.client(
                "ALTER USER 'root'@'localhost' IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket",
                &[],
            );
        }
        let database = Self::MariaDb(server);
        for table in ["users", "devices", "sip"] {
            database.execute(&format!("DELETE FROM {table}"));
        }
        database
    }

    /// The server's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        match self {
            Self::MariaDb(server) => PathBuf::from(&server.socket),
            Self::Sqlite { .. } => panic!("a file has no socket"),
        }
    }

    /// The same tables in a file: what needs no server is tested without one.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pbx.db");
        std::fs::File::create(&path).unwrap();
        let database = Self::Sqlite { path, _folder: folder };
        database.execute(&std::fs::read_to_string(in_repository("contrib/sql/demo-sqlite.sql")).unwrap());
        database.empty();
        database
    }

    fn empty(&self) {
        for table in ["users", "devices", "sip", "offhook_lines", "offhook_phones", "offhook_status"] {
            self.execute(&format!("DELETE FROM {table}"));
        }
        self.execute("UPDATE admin SET value = 'false' WHERE variable = 'need_reload'");
    }

    /// The file of tables in a file.
    pub(crate) fn file(&self) -> &std::path::Path {
        match self {
            Self::Sqlite { path, .. } => path,
            Self::MariaDb(_) => panic!("this database is no file"),
        }
    }

    /// `pbx.source` of the daemon's configuration.
    pub(crate) fn source(&self) -> &'static str {
        match self {
            Self::MariaDb(_) => "freepbx",
            Self::Sqlite { .. } => "sqlite",
        }
    }

    /// `pbx.database_url` of the daemon's configuration.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::MariaDb(server) => format!("mysql://offhook:{PASSWORD}@localhost/asterisk?socket={}", server.socket),
            Self::Sqlite { path, .. } => format!("sqlite://{}", path.display()),
        }
    }

    /// The same with a password that is not the account's.
    pub(crate) fn url_with_wrong_password(&self) -> String {
        self.url().replace(PASSWORD, "CANARY-wrong")
    }

    /// The server, where it is one.
    pub(crate) fn server(&mut self) -> &mut MariaDb {
        match self {
            Self::MariaDb(server) => server,
            Self::Sqlite { .. } => panic!("a file has no server"),
        }
    }

    /// Executes statements. String literals follow the standard: only `'` is special, doubled.
    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::MariaDb(server) => {
                server.client(&format!("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';\n{sql};"), &["asterisk"]);
            }
            Self::Sqlite { path, .. } => on_file(path, async |connection| {
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
            }),
        }
    }

    /// Executes a dump as the server's own client wrote it.
    pub(crate) fn load(&self, dump: &str) {
        match self {
            Self::MariaDb(server) => drop(server.client(dump, &["asterisk"])),
            Self::Sqlite { .. } => panic!("a dump of MariaDB is for a server"),
        }
    }

    /// The rows of a query whose columns are all text; NULL reads as an empty text.
    pub(crate) fn rows(&self, columns: &[&str], rest: &str) -> Vec<Vec<String>> {
        let mut sql = String::from("SELECT ");
        for (at, column) in columns.iter().enumerate() {
            // Hexadecimal passes both clients unharmed, whatever the bytes.
            let comma = if at == 0 { "" } else { ", " };
            write!(sql, "{comma}HEX(COALESCE({column}, ''))").unwrap();
        }
        sql.push(' ');
        sql.push_str(rest);
        match self {
            Self::MariaDb(server) => {
                let lines = server.client(&sql, &["asterisk"]);
                lines.lines().map(|line| line.split('\t').map(unhex).collect()).collect()
            }
            Self::Sqlite { path, .. } => on_file(path, async |connection| {
                let rows = sqlx::query(AssertSqlSafe(sql.clone())).fetch_all(connection).await.unwrap();
                rows.iter().map(|row| (0..columns.len()).map(|at| unhex(row.get(at))).collect()).collect()
            }),
        }
    }
}

/// A value as an SQL literal.
pub(crate) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn on_file<T>(path: &Path, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
        let done = work(&mut connection).await;
        connection.close().await.unwrap();
        done
    })
}

fn unhex(digits: &str) -> String {
    let bytes: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(&text(pair), 16).expect("HEX() gives digits"))
        .collect();
    text(&bytes)
}

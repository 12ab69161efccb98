//! FreePBX's database as setup meets it. Writes to it: our own tables and the daemon's account, by the statements of
//! `contrib/sql`, and nothing else.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlSslMode};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _};

use super::facts::{Access, Account, Database};
use super::grants::{self, Grant};
use crate::config::{Config, PbxSource};
use crate::domain::Secret;
use crate::pbx::sources::freepbx_conf::DatabaseAccess;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a server of this host listens.
const SOCKETS: [&str; 3] = ["/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock"];

const TABLES: &str = "select cast(table_name as char) from information_schema.tables where table_schema = database()";
const ACCOUNT: &str =
    "select cast(authentication_string as char) from mysql.user where user = 'offhook' and host = 'localhost'";
const SHOW_GRANTS: &str = "show grants for 'offhook'@'localhost'";
const VERSION: &str = "select cast(value as char) from admin where variable = 'version'";
const MODULE: &str = "select cast(version as char) from modules where modulename = 'offhook'";
/// The server puts the password into the statement, quoted by its own rules.
const ASK_PASSWORD: &str = "set @offhook = concat('alter user ''offhook''@''localhost'' identified by ', quote(?))";
const SET_PASSWORD: &str =
    "prepare offhook from @offhook; execute offhook; deallocate prepare offhook; set @offhook = null";
const DROP_ACCOUNT: &str = "drop user if exists 'offhook'@'localhost'";

/// The server's socket, where the database is on this host.
fn socket(access: &DatabaseAccess) -> Option<PathBuf> {
    let stated = access.socket.as_ref().map(PathBuf::from);
    let usual = || SOCKETS.iter().map(PathBuf::from).find(|path| path.exists());
    stated.or_else(|| ["localhost", "127.0.0.1"].contains(&access.host.as_str()).then(usual).flatten())
}

async fn connect(options: MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    let options = options.ssl_mode(MySqlSslMode::Disabled).charset("utf8mb4");
    match tokio::time::timeout(PATIENCE, MySqlConnection::connect_with(&options)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

async fn as_root(socket: &Path, name: &str) -> Result<MySqlConnection, sqlx::Error> {
    connect(MySqlConnectOptions::new().username("root").socket(socket).database(name)).await
}

async fn as_freepbx(access: &DatabaseAccess) -> Result<MySqlConnection, sqlx::Error> {
    let options =
        MySqlConnectOptions::new().username(&access.user).password(access.password.expose()).database(&access.name);
    connect(match socket(access) {
        Some(socket) => options.socket(socket),
        None => options.host(&access.host).port(access.port),
    })
    .await
}

/// What the database says of itself, of us, and of the module: its version.
pub(super) struct Look {
    pub facts: Database,
    pub version: Option<String>,
    pub module: Option<String>,
}

/// Looks at the database, as root where that is let in.
pub(super) async fn look(access: &DatabaseAccess, privileged: bool) -> Look {
    let socket = socket(access);
    let mut facts = Database { name: access.name.clone(), socket: socket.clone(), ..Database::default() };
    let root = match &socket {
        Some(socket) if privileged => as_root(socket, &access.name).await.ok(),
        _ => None,
    };
    let mut connection = if let Some(connection) = root {
        facts.access = Access::Root;
        connection
    } else {
        match as_freepbx(access).await {
            Ok(connection) => {
                facts.access = Access::Own;
                connection
            }
            Err(why) => {
                facts.access = Access::None(format!(
                    "FreePBX's database {} was not reached: {why}; see that MariaDB runs",
                    access.name
                ));
                return Look { facts, version: None, module: None };
            }
        }
    };
    facts.tables = texts(&mut connection, TABLES).await.unwrap_or_default().into_iter().collect();
    if facts.access == Access::Root {
        facts.account = match texts(&mut connection, ACCOUNT).await.as_deref() {
            Ok([]) => Account::Absent,
            Ok([hash, ..]) if locked(hash) => Account::Locked,
            Ok(_) => Account::There,
            Err(_) => Account::Unknown,
        };
        if matches!(facts.account, Account::There | Account::Locked) {
            let of_this = |shown: &String| shown.contains(&format!("`{}`.", access.name)) || shown.contains("*.*");
            let shown = texts(&mut connection, SHOW_GRANTS).await.unwrap_or_default();
            facts.granted = shown.iter().filter(|line| of_this(line)).filter_map(|line| Grant::parse(line)).collect();
        }
    }
    let version = texts(&mut connection, VERSION).await.unwrap_or_default().into_iter().next();
    let module = texts(&mut connection, MODULE).await.unwrap_or_default().into_iter().next();
    Look { facts, version, module }
}

/// As `grants.sql` makes it: the hash of no password.
fn locked(hash: &str) -> bool {
    hash.strip_prefix('*').is_some_and(|digits| digits.bytes().all(|digit| digit == b'0'))
}

async fn texts(connection: &mut MySqlConnection, query: &'static str) -> Result<Vec<String>, sqlx::Error> {
    let rows = sqlx::raw_sql(query).fetch_all(connection).await?;
    let text = |row: &sqlx::mysql::MySqlRow| row.try_get_unchecked::<Vec<u8>, _>(0).ok();
    Ok(rows.iter().filter_map(text).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect())
}

/// What became of the URL that is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// It opens the PBX's tables.
    Works,
    /// The server does not let this account in.
    Refused,
    /// It does not work now, or none is stated.
    Unknown,
}

/// MariaDB's numbers for an account that is not let in: to the database, to the server, to the server by this way.
const REFUSALS: [u16; 3] = [1044, 1045, 1698];

/// Whether what the configuration states opens the PBX's tables; `auto` is nothing that is stated.
pub(super) async fn opens(config: &Config) -> Opening {
    match &config.pbx.source {
        PbxSource::FreePbx(Some(url)) => {
            let Ok(options) = MySqlConnectOptions::from_str(&url.0.expose().replacen("mariadb://", "mysql://", 1))
            else {
                return Opening::Unknown;
            };
            match connect(options).await {
                Ok(mut connection) => works(texts(&mut connection, VERSION).await.is_ok()),
                Err(sqlx::Error::Database(why))
                    if why
                        .try_downcast_ref::<MySqlDatabaseError>()
                        .is_some_and(|why| REFUSALS.contains(&why.number())) =>
                {
                    Opening::Refused
                }
                Err(_) => Opening::Unknown,
            }
        }
        PbxSource::FreePbx(None) => Opening::Unknown,
        PbxSource::Sqlite(path) => {
            let options = SqliteConnectOptions::new().filename(path).read_only(true);
            let Ok(mut connection) = sqlx::SqliteConnection::connect_with(&options).await else {
                return Opening::Unknown;
            };
            works(sqlx::query(VERSION_OF_FILE).fetch_all(&mut connection).await.is_ok())
        }
    }
}

fn works(read: bool) -> Opening {
    if read { Opening::Works } else { Opening::Unknown }
}

const VERSION_OF_FILE: &str = "select value from admin where variable = 'need_reload'";

/// A connection that may do what the facts say.
async fn reopen(facts: &Database, access: Option<&DatabaseAccess>) -> Result<MySqlConnection, String> {
    let opened = match (&facts.access, &facts.socket, access) {
        (Access::Root, Some(socket), _) => as_root(socket, &facts.name).await,
        (_, _, Some(access)) => as_freepbx(access).await,
        _ => return Err("FreePBX's database cannot be reached".to_owned()),
    };
    opened.map_err(|why| format!("FreePBX's database {} was not reached: {why}", facts.name))
}

/// Whether FreePBX has the module installed.
pub(super) async fn has_module(facts: &Database, access: Option<&DatabaseAccess>) -> Result<bool, String> {
    let versions = texts(&mut reopen(facts, access).await?, MODULE).await;
    versions.map(|versions| !versions.is_empty()).map_err(|why| format!("`{MODULE}` was refused: {why}"))
}

/// Makes our tables.
pub(super) async fn make_tables(
    facts: &Database,
    access: Option<&DatabaseAccess>,
    statements: &[&'static str],
) -> Result<(), String> {
    let mut connection = reopen(facts, access).await?;
    for statement in statements {
        execute(&mut connection, statement).await?;
    }
    Ok(())
}

/// Makes the account, gives it its rights, and a password where one is due.
pub(super) async fn make_account(
    facts: &Database,
    create: bool,
    rights: &[&'static str],
    password: Option<&Secret>,
) -> Result<(), String> {
    let mut connection = reopen(facts, None).await?;
    if create {
        execute(&mut connection, grants::create_user()).await?;
    }
    for statement in rights {
        // A table that no step before this one made is left out, as the plan said.
        match execute(&mut connection, statement).await {
            Err(why) if Grant::parse(statement).is_none_or(|grant| !grants::OURS.contains(&grant.table.as_str())) => {
                return Err(why);
            }
            _ => {}
        }
    }
    if let Some(password) = password {
        let refused = |why: sqlx::Error| format!("the account's password could not be set: {why}");
        sqlx::query(ASK_PASSWORD).bind(password.expose()).execute(&mut connection).await.map_err(refused)?;
        for statement in SET_PASSWORD.split("; ") {
            sqlx::raw_sql(statement).execute(&mut connection).await.map_err(refused)?;
        }
    }
    Ok(())
}

/// Takes the account away.
pub(super) async fn drop_account(facts: &Database) -> Result<(), String> {
    execute(&mut reopen(facts, None).await?, DROP_ACCOUNT).await
}

async fn execute(connection: &mut MySqlConnection, statement: &'static str) -> Result<(), String> {
    let outcome = sqlx::raw_sql(statement).execute(connection).await;
    outcome.map(|_| ()).map_err(|why| format!("`{statement}` was refused: {why}"))
}

/// Makes a SQLite file with FreePBX's tables and ours.
pub(super) async fn make_sqlite(path: &Path) -> Result<(), String> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let failed = |why: sqlx::Error| format!("{} could not be made: {why}", path.display());
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.map_err(failed)?;
    sqlx::raw_sql(include_str!("../../contrib/sql/demo-sqlite.sql")).execute(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)
}

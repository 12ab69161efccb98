//! The rows themselves: the same queries on MariaDB and on SQLite, each a constant, none writes.

use std::future::Future;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions, MySqlRow, MySqlSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{ColumnIndex, Decode, Row};

use super::freepbx::{Cell, PhoneRows, Rows};
use super::freepbx_conf::{self, DatabaseAccess};

/// Longest wait for one look at the PBX.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A PBX database.
#[derive(Clone, Debug)]
pub enum Source {
    /// FreePBX's own.
    MariaDb(MySqlPool),
    /// The same tables in a file.
    Sqlite(SqlitePool),
}

/// What changes when something in the tables changes; equal = nothing did, as far as can be told cheaply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Of FreePBX's tables: `need_reload`, times of change, versions; as text.
    marks: Vec<Cell>,
    /// Of the phones' tables: checksums; empty where they cannot be told apart from the others.
    phones: Vec<Cell>,
    /// Device and inode of the file, where it is one: another file under the same name is another database.
    file: Option<(u64, u64)>,
    /// The database's own marks are a second wide, and this second is not over: a later change may not move them.
    pub fresh: bool,
}

impl Gate {
    /// Whether both looks were at the same database.
    ///
    /// # Errors
    /// The file was replaced: what is open is not what is there.
    pub fn same_database(&self, before: &Self) -> Result<(), SourceError> {
        if self.file == before.file {
            Ok(())
        } else {
            Err(SourceError("the PBX database file was replaced; it is opened anew".to_owned()))
        }
    }

    /// What of another look may differ from the one at `before`.
    pub fn moved_since(&self, before: &Self) -> Moved {
        if self.marks != before.marks || before.fresh {
            Moved::Anything
        } else if self.phones != before.phones {
            Moved::Phones
        } else {
            Moved::Nothing
        }
    }
}

/// What may have changed between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Nothing.
    Nothing,
    /// Phones and their lines, and nothing else.
    Phones,
    /// Anything.
    Anything,
}

/// Why the PBX could not be read: one sentence, with what to do. Never holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

const NEED_RELOAD: &str = "select value from admin where variable = 'need_reload'";
// `substr(…, 1, 4097)`: of a cell that is no value of a PBX no more comes over the wire than shows that it is none
// (`freepbx::CELL_LIMIT`).
const USERS: &str = "select extension, substr(name, 1, 4097), voicemail from users";
const DEVICES: &str = "select id, tech, devicetype, user, substr(description, 1, 4097) from devices";
// What every phone can bear is left where it is: most extensions have no row more than those of the first list.
const SIP: &str = "select id, keyword, substr(data, 1, 4097) from sip where keyword in \
        ('secret', 'sipdriver', 'account', 'username', 'md5_cred', 'force_rport', 'rewrite_contact', 'nat', 'transport', 'max_contacts') \
    or keyword in ('allow', 'disallow') and data <> '' \
    or keyword in ('media_encryption', 'media_encryption_optimistic', 'encryption') and data not in ('', 'no') \
    or keyword = 'dtmfmode' and data like '%info' \
    or keyword = 'context' and trim(data) = '' \
    or keyword = 'remove_existing' and data = 'no'";
const SIP_SETTINGS: &str = "select `key`, val from kvstore_Sipsettings where `key` = 'binds' or `key` like 'udpport-%' or `key` like 'tcpport-%'";
const CHAN_SIP: &str = "select keyword, data from sipsettings where keyword in ('bindport', 'tcpenable', 'tlsenable', 'nat') order by type, seq";
const VOICEMAIL: &str = "select customcode, defaultcode from featurecodes where modulename = 'voicemail' and featurename = 'myvoicemail' and enabled = 1";
const TIME_ZONE: &str = "select value from freepbx_settings where keyword = 'PHPTIMEZONE'";
const PHONES: &str = "select mac, model, substr(description, 1, 4097), target_load, substr(options, 1, 4097), cast(enabled as char) \
    from offhook_phones order by mac";
const LINES: &str = "select mac, cast(button as char), kind, extension, label from offhook_lines order by mac, button";

/// `update_time` is a second wide and NULL after a server restart: a hint, so a slow full read stands behind it.
const UPDATE_TIMES: &str = "select cast(update_time as char), \
        cast(coalesce(update_time >= now() - interval 2 second, 0) as char) \
    from information_schema.tables where table_schema = database() and table_name in \
        ('users', 'devices', 'sip', 'admin', 'kvstore_Sipsettings', 'sipsettings', 'featurecodes') order by table_name";
/// Two small tables: their checksum is exact, so a MAC row is never missed.
const CHECKSUM: &str = "checksum table offhook_phones, offhook_lines";
/// Moves whenever another connection writes (SQLite, pragma data_version).
const DATA_VERSION: &str = "pragma data_version";
const DATABASE_FILE: &str = "select file from pragma_database_list where name = 'main'";

/// The queries in one transaction; macros, because the two databases are two types. InnoDB's default isolation is
/// REPEATABLE READ, SQLite's transactions are serial: either way all rows are of one moment.
macro_rules! must {
    ($transaction:ident, $query:expr) => {
        cells(&sqlx::query($query).fetch_all(&mut *$transaction).await.map_err(|why| Failed { query: $query, why })?)
    };
}

macro_rules! may {
    ($transaction:ident, $query:expr) => {
        match sqlx::query($query).fetch_all(&mut *$transaction).await {
            Ok(rows) => Some(cells(&rows)),
            Err(why) if absent(&why) => None,
            Err(why) => return Err(Failed { query: $query, why }),
        }
    };
}

macro_rules! phones {
    ($transaction:ident) => {
        PhoneRows { phones: may!($transaction, PHONES), lines: may!($transaction, LINES) }
    };
}

macro_rules! all {
    ($transaction:ident) => {{
        let need_reload: Vec<[Cell; 1]> = must!($transaction, NEED_RELOAD);
        // A nicety, in a table that holds passwords, too: an account that may not read it goes without.
        let time_zone = sqlx::query(TIME_ZONE).fetch_optional(&mut *$transaction).await.ok().flatten();
        Rows {
            need_reload: need_reload.iter().any(|[value]| value.as_deref() == Some(b"true")),
            users: must!($transaction, USERS),
            devices: must!($transaction, DEVICES),
            sip: must!($transaction, SIP),
            sip_settings: must!($transaction, SIP_SETTINGS),
            chan_sip: may!($transaction, CHAN_SIP),
            voicemail_code: may!($transaction, VOICEMAIL).and_then(|rows| rows.into_iter().next()),
            time_zone: time_zone.and_then(|row| cell(&row, 0)),
            phones: phones!($transaction),
        }
    }};
}

/// A transaction that ends without having written, whatever it read.
macro_rules! read {
    ($source:expr, $rows:ident) => {
        in_time(async {
            match $source {
                Source::MariaDb(pool) => {
                    let mut transaction = pool.begin().await?;
                    let rows = $rows!(transaction);
                    transaction.rollback().await?;
                    Ok(rows)
                }
                Source::Sqlite(pool) => {
                    let mut transaction = pool.begin().await?;
                    let rows = $rows!(transaction);
                    transaction.rollback().await?;
                    Ok(rows)
                }
            }
        })
        .await
    };
}

impl Source {
    /// FreePBX's database: by URL, or as `/etc/freepbx.conf` says.
    ///
    /// # Errors
    /// The URL or the file cannot be used. The database itself is not asked yet.
    pub fn freepbx(url: Option<&str>) -> Result<Self, SourceError> {
        let options = match url {
            Some(url) if asks_for_tls(url) => {
                return Err(SourceError(
                    "pbx.database_url asks for TLS, which is not built: use the socket, or a tunnel, and leave ssl-mode out".to_owned(),
                ));
            }
            Some(url) => MySqlConnectOptions::from_str(&url.replacen("mariadb://", "mysql://", 1))
                .map_err(|_| SourceError("pbx.database_url is no mysql://user:password@host/database; % and @ in a password are written %25 and %40".to_owned()))?,
            None => from_freepbx_conf()?,
        };
        let options = options.ssl_mode(MySqlSslMode::Disabled).charset("utf8mb4");
        Ok(Self::MariaDb(
            MySqlPoolOptions::new().max_connections(2).acquire_timeout(PATIENCE).connect_lazy_with(options),
        ))
    }

    /// A SQLite file; it must be there.
    pub fn sqlite(path: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE);
        // One connection, kept: data_version counts what *other* connections changed.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .acquire_timeout(PATIENCE)
            .idle_timeout(None)
            .max_lifetime(None);
        Self::Sqlite(pool.connect_lazy_with(options))
    }

    /// The cheap look.
    ///
    /// # Errors
    /// The PBX does not answer, or refuses.
    pub async fn gate(&self) -> Result<Gate, SourceError> {
        in_time(async {
            match self {
                Self::MariaDb(pool) => {
                    let mut marks = column(&sqlx::query(NEED_RELOAD).fetch_all(pool).await?, 0);
                    let times = sqlx::query(UPDATE_TIMES).fetch_all(pool).await?;
                    marks.extend(column(&times, 0));
                    let fresh = column(&times, 1).iter().any(|cell| cell.as_deref() == Some(b"1"));
                    let sums =
                        sqlx::raw_sql(CHECKSUM).fetch_all(pool).await.map_err(|why| Failed { query: PHONES, why })?;
                    let sum = |row: &MySqlRow| row.try_get::<Option<i64>, _>(1).ok().flatten();
                    let phones = sums.iter().map(|row| sum(row).map(|sum| sum.to_string().into_bytes())).collect();
                    Ok(Gate { marks, phones, file: None, fresh })
                }
                Self::Sqlite(pool) => {
                    let version: i64 = sqlx::query_scalar(DATA_VERSION).fetch_one(pool).await?;
                    let marks = vec![Some(version.to_string().into_bytes())];
                    let path: String = sqlx::query_scalar(DATABASE_FILE).fetch_one(pool).await?;
                    let facts = std::fs::metadata(&path).map_err(sqlx::Error::Io)?;
                    Ok(Gate { marks, phones: Vec::new(), file: Some((facts.dev(), facts.ino())), fresh: false })
                }
            }
        })
        .await
    }

    /// The whole, in one snapshot of the database.
    ///
    /// # Errors
    /// The PBX does not answer, refuses, or lacks a table of FreePBX's own.
    pub async fn read(&self) -> Result<Rows, SourceError> {
        read!(self, all)
    }

    /// Phones and their lines alone.
    ///
    /// # Errors
    /// The PBX does not answer, or refuses.
    pub async fn read_phones(&self) -> Result<PhoneRows, SourceError> {
        read!(self, phones)
    }
}

fn asks_for_tls(url: &str) -> bool {
    let query = url.split_once('?').map(|(_, query)| query.to_ascii_lowercase()).unwrap_or_default();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .any(|(key, value)| ["ssl-mode", "sslmode"].contains(&key) && !["disabled", "preferred"].contains(&value))
}

/// What FreePBX's own configuration says of its database.
///
/// # Errors
/// It cannot be read, or does not say.
pub fn freepbx_access() -> Result<DatabaseAccess, SourceError> {
    let path = std::env::var("FREEPBX_CONF").unwrap_or_else(|_| freepbx_conf::PATH.to_owned());
    let bytes = std::fs::read(&path).map_err(|why| {
        SourceError(format!(
            "{path} could not be read: {why}; add user offhook to group asterisk, or state pbx.database_url"
        ))
    })?;
    DatabaseAccess::parse(&String::from_utf8_lossy(&bytes)).map_err(|why| {
        SourceError(format!("{path} does not say how to reach the database: {why}; state pbx.database_url"))
    })
}

fn from_freepbx_conf() -> Result<MySqlConnectOptions, SourceError> {
    let access = freepbx_access()?;
    let options =
        MySqlConnectOptions::new().username(&access.user).password(access.password.expose()).database(&access.name);
    Ok(match &access.socket {
        Some(socket) => options.socket(socket),
        // `localhost` means the socket to FreePBX's own client, too.
        None if access.host == "localhost" && Path::new(DEBIAN_SOCKET).exists() => options.socket(DEBIAN_SOCKET),
        None => options.host(&access.host).port(access.port),
    })
}

/// Where Debian's MariaDB listens.
const DEBIAN_SOCKET: &str = "/run/mysqld/mysqld.sock";

/// A query that failed.
struct Failed {
    query: &'static str,
    why: sqlx::Error,
}

impl From<sqlx::Error> for Failed {
    fn from(why: sqlx::Error) -> Self {
        Self { query: "", why }
    }
}

impl Failed {
    /// The table that was asked.
    fn table(&self) -> &'static str {
        self.query.split(" from ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or("admin")
    }
}

async fn in_time<T>(look: impl Future<Output = Result<T, Failed>>) -> Result<T, SourceError> {
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(why)) => Err(SourceError(sentence(&why))),
        Err(_) => Err(SourceError(
            "the PBX database did not answer within 5 s: see that it runs and is not overloaded".to_owned(),
        )),
    }
}

/// MariaDB 1146 and SQLite's own words for a table that is not there.
fn absent(why: &sqlx::Error) -> bool {
    let Some(database) = why.as_database_error() else { return false };
    number(why) == Some(1146) || database.message().starts_with("no such table")
}

fn number(why: &sqlx::Error) -> Option<u16> {
    why.as_database_error()?
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map(sqlx::mysql::MySqlDatabaseError::number)
}

/// What failed, in words for the admin.
fn sentence(failed: &Failed) -> String {
    let (why, table) = (&failed.why, failed.table());
    match (number(why), why) {
        (Some(1044 | 1045 | 1698), _) => {
            "the PBX database refuses user or password: see pbx.database_url, or AMPDBUSER and AMPDBPASS in /etc/freepbx.conf".to_owned()
        }
        (Some(1049), _) => "the PBX's server has no such database: see pbx.database_url, or AMPDBNAME in /etc/freepbx.conf".to_owned(),
        (Some(1142 | 1143), why) => format!("the PBX database does not let offhook read table {table}: {why}; run contrib/sql/grants.sql"),
        (Some(1146 | 1054), why) => format!("the PBX database lacks table {table} or a column of it: {why}; is it FreePBX 15 to 17?"),
        (_, sqlx::Error::Io(why)) => format!("the PBX database was not reached: {why}; see that MariaDB runs (systemctl status mariadb)"),
        (_, sqlx::Error::PoolTimedOut) => "the PBX database was not reached within 5 s; see that MariaDB runs (systemctl status mariadb)".to_owned(),
        (_, why) => format!("table {table} of the PBX database could not be read: {why}"),
    }
}

fn column<R: Row>(rows: &[R], index: usize) -> Vec<Cell>
where
    usize: ColumnIndex<R>,
    Vec<u8>: for<'r> Decode<'r, R::Database>,
{
    rows.iter().map(|row| cell(row, index)).collect()
}

fn cells<R: Row, const N: usize>(rows: &[R]) -> Vec<[Cell; N]>
where
    usize: ColumnIndex<R>,
    Vec<u8>: for<'r> Decode<'r, R::Database>,
{
    rows.iter().map(|row| std::array::from_fn(|index| cell(row, index))).collect()
}

/// A cell's bytes, whatever the column's type says.
fn cell<R: Row>(row: &R, index: usize) -> Cell
where
    usize: ColumnIndex<R>,
    Vec<u8>: for<'r> Decode<'r, R::Database>,
{
    use sqlx::ValueRef;
    let value = row.try_get_raw(index).ok()?;
    if value.is_null() { None } else { row.try_get_unchecked::<Vec<u8>, _>(index).ok() }
}

//! The demonstration: a database shaped as FreePBX's, the stand-in PBX, the real daemon, scripted phones. All on
//! loopback, without root, network or Asterisk.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::convert;
use super::registrar::{Account, StandIn};
use crate::app::{Running, start};
use crate::config::{Access, Ami, AmiSecret, Config, Conversion, Firmware, Pbx, PbxSource, Publish, Server, Tftp};
use crate::domain::{MacAddr, PhoneOptions, Secret, SipTransport};
use crate::simulate::{Registered, Setup, State};
use crate::status::{Stage, Statuses};

/// A phone of the demonstration: made-up hardware addresses out of the block for documentation (RFC 7042, 00-00-5E-00-53).
struct Cast {
    model: &'static str,
    mac: &'static str,
    state: &'static str,
    extension: &'static str,
    name: &'static str,
    address: Ipv4Addr,
    /// What it must run in the end.
    target: &'static str,
}

/// One of either family far from SIP, one that shows "Protocol Application Invalid", one after a factory reset, and one
/// that is where it should be.
const CAST: &[Cast] = &[
    Cast {
        model: "7960",
        mac: "00:00:5e:00:53:60",
        state: "sccp:P00303010102",
        extension: "1001",
        name: "Front desk",
        address: Ipv4Addr::new(127, 53, 0, 60),
        target: "P0S3-8-12-00",
    },
    Cast {
        model: "7940",
        mac: "00:00:5e:00:53:40",
        state: "loader",
        extension: "1002",
        name: "Store room",
        address: Ipv4Addr::new(127, 53, 0, 40),
        target: "P0S3-8-12-00",
    },
    Cast {
        model: "7965",
        mac: "00:00:5e:00:53:65",
        state: "factory",
        extension: "1003",
        name: "Meeting room",
        address: Ipv4Addr::new(127, 53, 0, 65),
        target: "SIP45.9-4-2SR3-1S",
    },
    Cast {
        model: "7942",
        mac: "00:00:5e:00:53:42",
        state: "sip:SIP42.9-4-2SR3-1S",
        extension: "1004",
        name: "R&D \"Lab\" <2>",
        address: Ipv4Addr::new(127, 53, 0, 42),
        target: "SIP42.9-4-2SR3-1S",
    },
];

/// How long the phones may take; on a loopback interface they take a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// On a loopback interface nothing is lost.
const TFTP_RETRY: Duration = Duration::from_millis(500);

/// A demonstration that goes on: daemon, stand-in and phones.
pub struct Demo {
    running: Running,
    phones: Vec<Registered>,
    _stand_in: StandIn,
    _folder: tempfile::TempDir,
}

impl Demo {
    /// Ends it: phones unregister, the daemon drains.
    pub async fn stop(self) {
        for phone in self.phones {
            phone.unregister().await;
        }
        self.running.stop().await;
    }
}

/// Plays it, one line per step, until every phone is registered.
///
/// # Errors
/// One sentence about the step that went wrong.
pub async fn play(say: &mut impl FnMut(&str)) -> Result<Demo, String> {
    let folder = tempfile::tempdir().map_err(|why| format!("the demo's folder could not be made: {why}"))?;
    let database = folder.path().join("freepbx.db");
    let secrets: BTreeMap<&str, Secret> = CAST.iter().map(|cast| (cast.extension, Secret::new(password()))).collect();
    let stand_in = stand_in(secrets.clone()).await?;
    say(&format!(
        "a stand-in for Asterisk answers SIP on {} and its manager interface on {}",
        stand_in.sip, stand_in.manager
    ));
    let pool =
        pbx(&database, stand_in.sip.port(), &secrets).await.map_err(|why| format!("the demo's PBX database: {why}"))?;
    say(&format!("a PBX database with {} extensions and no phones is in {}", CAST.len(), database.display()));

    let running = start(config(folder.path(), &database, &stand_in)).await?;
    let at = &running.addresses;
    let tftp = at.tftp.ok_or("the demo's TFTP has no port: another program took the one that the kernel chose")?;
    say(&format!("offhook serves TFTP on {tftp}, HTTP for phones on {}", shown(at.http)));
    say(&format!(
        "for people: http://{}/setup, whose token is {}; figures at /metrics",
        shown(at.admin),
        running.door.first_run().unwrap_or_default()
    ));
    let file = for_clients(folder.path(), &database).map_err(|why| format!("the demo's configuration: {why}"))?;
    say(&format!("for the command line: offhook --config {} phones list", file.display()));

    for cast in CAST {
        bind(&pool, cast).await.map_err(|why| format!("the row for {}: {why}", cast.mac))?;
        say(&format!("the PBX now has MAC {} ({}) on extension {}", cast.mac, cast.model, cast.extension));
    }
    served(&running).await?;
    say("offhook has noticed: their files are there");

    convert::bring(&running.operations, folder.path(), say).await?;
    convert::begin(&running.operations, say)?;
    let mut setups = Vec::new();
    for cast in CAST {
        say(&format!("{} {} is plugged in; its flash: {}", cast.model, cast.mac, cast.state));
        setups.push(setup(cast, tftp)?);
    }
    let phones = convert::power_cycle(setups, &running.hub, say).await?;
    registered(&running).await?;
    for cast in CAST {
        let row = status_row(&pool, cast).await?;
        say(&format!("offhook_status in the PBX database: {row}"));
    }
    Ok(Demo { running, phones, _stand_in: stand_in, _folder: folder })
}

/// What the commands of the demonstration's own daemon are told: where its socket is.
fn for_clients(folder: &Path, database: &Path) -> std::io::Result<PathBuf> {
    let (file, said) = (folder.join("offhook.toml"), |path: &Path| toml::Value::from(path.to_string_lossy().as_ref()));
    let url = toml::Value::from(format!("sqlite://{}", database.display()));
    let (socket, state) = (said(&folder.join("api.sock")), said(&folder.join("state")));
    let text = format!(
        "[server]\nsocket = {socket}\nstate_dir = {state}\n[pbx]\nsource = \"sqlite\"\ndatabase_url = {url}\n[tftp]\nfall_through = \"\"\n"
    );
    std::fs::write(&file, text)?;
    Ok(file)
}

fn shown(address: Option<std::net::SocketAddr>) -> String {
    address.map_or_else(|| "-".to_owned(), |address| address.to_string())
}

async fn stand_in(secrets: BTreeMap<&'static str, Secret>) -> Result<StandIn, String> {
    let accounts = move |user: &str| {
        let password = secrets.get(user)?.clone();
        Some(Account { user: user.to_owned(), auth: user.to_owned(), password })
    };
    StandIn::start(IpAddr::V4(Ipv4Addr::LOCALHOST), Arc::new(accounts))
        .await
        .map_err(|why| format!("the stand-in could not listen: {why}"))
}

/// Twelve letters and digits.
fn password() -> String {
    use rand::distr::{Alphanumeric, SampleString};
    Alphanumeric.sample_string(&mut rand::rng(), 12)
}

/// The tables that offhook reads, filled as FreePBX fills them.
async fn pbx(path: &Path, sip_port: u16, secrets: &BTreeMap<&str, Secret>) -> Result<SqlitePool, sqlx::Error> {
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path).create_if_missing(true)).await?;
    sqlx::raw_sql(include_str!("../../contrib/sql/demo-sqlite.sql")).execute(&pool).await?;
    for (key, value) in [
        ("binds", r#"{"udp":{"0.0.0.0":"on"},"tcp":{"0.0.0.0":"on"}}"#.to_owned()),
        ("udpport-0.0.0.0", sip_port.to_string()),
        ("tcpport-0.0.0.0", sip_port.to_string()),
    ] {
        sqlx::query("replace into kvstore_Sipsettings (key, val, type, id) values (?, ?, ?, 'noid')")
            .bind(key)
            .bind(value)
            .bind(if key == "binds" { Some("json-arr") } else { None })
            .execute(&pool)
            .await?;
    }
    for cast in CAST {
        extension(&pool, cast, secrets.get(cast.extension).map_or("", Secret::expose)).await?;
    }
    Ok(pool)
}

async fn extension(pool: &SqlitePool, cast: &Cast, secret: &str) -> Result<(), sqlx::Error> {
    sqlx::query("insert into users (extension, name, voicemail) values (?, ?, 'novm')")
        .bind(cast.extension)
        .bind(cast.name)
        .execute(pool)
        .await?;
    sqlx::query("insert into devices (id, tech, dial, devicetype, user, description) values (?1, 'pjsip', 'PJSIP/' || ?1, 'fixed', ?1, ?2)")
        .bind(cast.extension)
        .bind(cast.name)
        .execute(pool)
        .await?;
    let keywords = [
        ("secret", secret),
        ("sipdriver", "chan_pjsip"),
        ("account", cast.extension),
        ("force_rport", "no"),
        ("rewrite_contact", "no"),
        ("max_contacts", "1"),
    ];
    for (flags, (keyword, data)) in (2_i64..).zip(keywords) {
        sqlx::query("insert into sip (id, keyword, data, flags) values (?, ?, ?, ?)")
            .bind(cast.extension)
            .bind(keyword)
            .bind(data)
            .bind(flags)
            .execute(pool)
            .await?;
    }
    Ok(())
}

/// What an admin does: a MAC on an extension.
async fn bind(pool: &SqlitePool, cast: &Cast) -> Result<(), sqlx::Error> {
    let mac: String = cast.mac.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase();
    sqlx::query("insert into offhook_phones (mac, model, description) values (?, ?, ?)")
        .bind(&mac)
        .bind(cast.model)
        .bind(cast.name)
        .execute(pool)
        .await?;
    sqlx::query("insert into offhook_lines (mac, button, extension, label) values (?, 1, ?, ?)")
        .bind(&mac)
        .bind(cast.extension)
        .bind(cast.extension)
        .execute(pool)
        .await?;
    Ok(())
}

fn config(folder: &Path, database: &Path, stand_in: &StandIn) -> Config {
    let anywhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    Config {
        server: Server {
            address: None,
            state_dir: folder.join("state"),
            socket: folder.join("api.sock"),
            phone_networks: "127.0.0.0/8".parse().into_iter().collect(),
        },
        pbx: Pbx {
            source: PbxSource::Sqlite(database.to_owned()),
            poll_interval: Duration::from_millis(250),
            sip_host: Some(stand_in.sip.ip().to_string()),
            sip_port: None,
            transport: None,
            fail2ban_log: None,
        },
        ami: Some(Ami {
            address: stand_in.manager.to_string(),
            username: stand_in.manager_user.to_owned(),
            secret: AmiSecret::Inline(stand_in.manager_secret.clone()),
        }),
        tftp: Tftp { listen: vec![anywhere], fall_through: None },
        http: vec![anywhere],
        sntp: Vec::new(),
        syslog: Vec::new(),
        admin: vec![anywhere],
        admin_hosts: Vec::new(),
        dhcp: crate::config::Dhcp::default(),
        discovery: Vec::new(),
        // On loopback nothing shows who is who: each phone is known by its first contact, then by its registration.
        access: Access::default(),
        firmware: Firmware {
            conversion: Conversion::Manual,
            accept_one_way: false,
            concurrent: 10,
            target: BTreeMap::new(),
            erased: BTreeMap::from([("term65".to_owned(), "SIP45.9-4-2SR3-1S".to_owned())]),
            os79xx_window: Duration::ZERO,
            window: None,
        },
        phones: PhoneOptions {
            language: Some("en_US".to_owned()),
            phone_password: Some("cisco".to_owned()),
            emergency: Some(vec!["112".to_owned(), "911".to_owned()]),
            transport_8x: Some(SipTransport::Udp),
            transport_9x: Some(SipTransport::Tcp),
            ..PhoneOptions::default()
        },
        publish: Publish { database: true, astdb: true },
        notes: Vec::new(),
        shown: Vec::new(),
    }
}

fn setup(cast: &Cast, tftp: SocketAddrV4) -> Result<Setup, String> {
    let model = cast.model.parse().map_err(|why| format!("{why}"))?;
    let state: State = cast.state.parse().map_err(|why| format!("{why}"))?;
    let mac: MacAddr = cast.mac.parse().map_err(|why| format!("{why}"))?;
    let mut setup = Setup::new(model, mac, state, IpAddr::V4(*tftp.ip()));
    setup.tftp_port = tftp.port();
    setup.from_address = Some(IpAddr::V4(cast.address));
    setup.sip_port_override = Some(0);
    setup.timing.tftp_retry = TFTP_RETRY;
    Ok(setup)
}

/// Waits until the daemon has all phones.
async fn served(running: &Running) -> Result<(), String> {
    let mut statuses = running.hub.statuses();
    let all = statuses.wait_for(|statuses| statuses.len() == CAST.len());
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err("offhook did not notice the new MACs".to_owned()),
    }
}

/// Waits until the daemon has heard from the PBX that all are registered, and knows that each runs its target.
async fn registered(running: &Running) -> Result<(), String> {
    let mut statuses = running.hub.statuses();
    let there = |statuses: &Statuses, cast: &Cast| {
        let status = cast.mac.parse::<MacAddr>().ok().and_then(|mac| statuses.get(&mac));
        status.is_some_and(|s| s.stage == Stage::Registered && s.load.as_deref() == Some(cast.target))
    };
    let all = statuses.wait_for(|statuses| CAST.iter().all(|cast| there(statuses, cast)));
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err("offhook did not hear that the phones registered with their target loads".to_owned()),
    }
}

/// The phone's row, once the daemon has written that it is registered.
async fn status_row(pool: &SqlitePool, cast: &Cast) -> Result<String, String> {
    let mac: String = cast.mac.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase();
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    let look = async {
        loop {
            pause.tick().await;
            let row: Option<(String, String, String)> = sqlx::query_as(
                "select stage, health, summary from offhook_status where mac = ? and stage = 'registered'",
            )
            .bind(&mac)
            .fetch_optional(pool)
            .await
            .map_err(|why| why.to_string())?;
            if let Some((stage, health, summary)) = row {
                return Ok(format!("{mac} {stage} {health}: {summary}"));
            }
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| Err(format!("offhook_status has no row for {mac}")))
}

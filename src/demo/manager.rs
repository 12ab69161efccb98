//! The stand-in's manager face: as much of Asterisk's manager interface (AMI) as the daemon uses, so that its real
//! client runs in the demonstration. Field names and the order of events follow Asterisk 22 (`main/manager.c`,
//! `main/stasis_endpoints.c`, `res/res_pjsip`). It must not know the daemon.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use super::registrar::{Account, Binding, Change, Shared};
use crate::simulate::sip::digest::hash;
use crate::simulate::sip::token;

/// The only user there is.
pub(crate) const USER: &str = "offhook";
/// The protocol version of Asterisk 22.
const BANNER: &str = "Asterisk Call Manager/11.0.0\r\n";
/// Asterisk's own limits on input: bytes per line, lines per message.
const LINE: usize = 1024;
const LINES: usize = 128;

type Fields = Vec<(String, String)>;

/// Takes manager sessions for ever.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while sessions.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        // A session that ends with an error was closed by its client.
        sessions.spawn(async move {
            let _ = session(stream, &shared).await;
        });
    }
}

async fn session(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    write.write_all(BANNER.as_bytes()).await?;
    let mut challenge = String::new();
    // Subscribed before login, so that nothing is lost between a list and the first event.
    let mut changes = shared.changes.subscribe();
    loop {
        let Some(action) = message(&mut read).await? else { return Ok(()) };
        let (name, id) = (get(&action, "Action"), get(&action, "ActionID"));
        match name.to_ascii_lowercase().as_str() {
            "challenge" => {
                challenge = token();
                let body = format!("Response: Success\r\n{}Challenge: {challenge}\r\n\r\n", action_id(id));
                write.write_all(body.as_bytes()).await?;
            }
            "login" => {
                let right = get(&action, "Username") == USER
                    && if get(&action, "AuthType").eq_ignore_ascii_case("MD5") {
                        !challenge.is_empty()
                            && get(&action, "Key") == hash(&format!("{challenge}{}", shared.secret.expose()))
                    } else {
                        get(&action, "Secret") == shared.secret.expose()
                    };
                if !right {
                    say(&mut write, "Error", id, "Authentication failed").await?;
                    return Ok(());
                }
                say(&mut write, "Success", id, "Authentication accepted").await?;
                break;
            }
            "logoff" => return Ok(()),
            _ => say(&mut write, "Error", id, "Permission denied").await?,
        }
    }
    let uptime = Timestamp::now().as_second() - shared.started.as_second();
    let booted = format!(
        "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\nUptime: {uptime}\r\nLastReload: {uptime}\r\n\r\n"
    );
    write.write_all(booted.as_bytes()).await?;
    // Reading a message is not cancel-safe, so it has its own task and events have the writer between messages.
    let (post, mut inbox) = tokio::sync::mpsc::channel(16);
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        while let Ok(Some(action)) = message(&mut read).await {
            if post.send(action).await.is_err() {
                return;
            }
        }
    });
    loop {
        tokio::select! {
            action = inbox.recv() => match action {
                Some(action) => {
                    let answer = act(&action, shared);
                    write.write_all(answer.as_bytes()).await?;
                    if get(&action, "Action").eq_ignore_ascii_case("Logoff") {
                        return Ok(());
                    }
                }
                None => return Ok(()),
            },
            change = changes.recv() => match change {
                Ok(change) => write.write_all(events(&change).as_bytes()).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        }
    }
}

/// One message: headers up to an empty line. `None` = the client has gone.
async fn message(read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> std::io::Result<Option<Fields>> {
    let mut fields = Vec::new();
    loop {
        let mut line = Vec::new();
        let n = (&mut *read).take(LINE as u64).read_until(b'\n', &mut line).await?;
        if n == 0 || line.last() != Some(&b'\n') || fields.len() >= LINES {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            if fields.is_empty() {
                continue;
            }
            return Ok(Some(fields));
        }
        if let Some((name, value)) = text.split_once(':') {
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

fn get<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v.as_str())
}

fn action_id(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!("ActionID: {id}\r\n") }
}

async fn say(write: &mut OwnedWriteHalf, response: &str, id: &str, text: &str) -> std::io::Result<()> {
    write.write_all(plain(response, id, text).as_bytes()).await
}

fn plain(response: &str, id: &str, text: &str) -> String {
    format!("Response: {response}\r\n{}Message: {text}\r\n\r\n", action_id(id))
}

/// A list: the response, its events, the closing event.
fn list(id: &str, complete: &str, items: &[String]) -> String {
    let id = action_id(id);
    let mut text = format!("Response: Success\r\n{id}EventList: start\r\nMessage: A listing follows\r\n\r\n");
    for item in items {
        let (event, rest) = item.split_once("\r\n").unwrap_or((item, ""));
        let _ = write!(text, "{event}\r\n{id}{rest}\r\n");
    }
    let _ = write!(text, "Event: {complete}\r\n{id}EventList: Complete\r\nListItems: {}\r\n\r\n", items.len());
    text
}

/// What one action answers.
fn act(action: &Fields, shared: &Shared) -> String {
    let id = get(action, "ActionID");
    let key = || format!("{}/{}", get(action, "Family"), get(action, "Key"));
    match get(action, "Action").to_ascii_lowercase().as_str() {
        "ping" => {
            let now = Timestamp::now();
            let stamp = format!("{}.{:06}", now.as_second(), now.subsec_microsecond());
            format!("Response: Success\r\n{}Ping: Pong\r\nTimestamp: {stamp}\r\n\r\n", action_id(id))
        }
        "logoff" => plain("Goodbye", id, "Thanks for all the fish."),
        "events" => format!("Response: Success\r\n{}Events: On\r\n\r\n", action_id(id)),
        "pjsipshowregistrationinboundcontactstatuses" => {
            let items: Vec<_> = shared.bindings().iter().map(|(user, b)| contact_status_detail(user, b)).collect();
            list(id, "ContactStatusDetailComplete", &items)
        }
        "pjsipshowcontacts" => {
            let items: Vec<_> = shared.bindings().iter().map(|(user, b)| contact_list(user, b)).collect();
            list(id, "ContactListComplete", &items)
        }
        "pjsipshowauths" => {
            let items: Vec<_> = shared.endpoints().iter().map(auth_list).collect();
            list(id, "AuthListComplete", &items)
        }
        "pjsipshowendpoints" => {
            let bindings = shared.bindings();
            let items: Vec<_> = shared.endpoints().iter().map(|a| endpoint_list(a, &bindings)).collect();
            list(id, "EndpointListComplete", &items)
        }
        "pjsipshowendpoint" => match shared.account(get(action, "Endpoint")) {
            Some(account) => {
                let bindings = shared.bindings();
                let mut items = vec![endpoint_detail(&account, &bindings)];
                let own = bindings.iter().filter(|(user, _)| *user == account.user);
                items.extend(own.map(|(user, b)| contact_status_detail(user, b)));
                list(id, "EndpointDetailComplete", &items)
            }
            None => plain("Error", id, &format!("Unable to retrieve endpoint {}", get(action, "Endpoint"))),
        },
        "dbput" => {
            shared.with_database(|db| db.insert(key(), get(action, "Val").to_owned()));
            plain("Success", id, "Updated database successfully")
        }
        "dbget" => match shared.with_database(|db| db.get(&key()).cloned()) {
            Some(value) => {
                let (family, key) = (get(action, "Family"), get(action, "Key"));
                let item = format!("Event: DBGetResponse\r\nFamily: {family}\r\nKey: {key}\r\nVal: {value}\r\n");
                list(id, "DBGetComplete", &[item])
            }
            None => plain("Error", id, "Database entry not found"),
        },
        "dbdel" => match shared.with_database(|db| db.remove(&key())) {
            Some(_) => plain("Success", id, "Key deleted successfully"),
            None => plain("Error", id, "Database entry not found"),
        },
        "dbdeltree" => {
            // Without a key the whole family goes.
            let whole = get(action, "Key").is_empty();
            let prefix = if whole { format!("{}/", get(action, "Family")) } else { format!("{}/", key()) };
            let gone = shared.with_database(|db| {
                let before = db.len();
                db.retain(|k, _| !k.starts_with(&prefix) && (whole || *k != key()));
                before - db.len()
            });
            match gone {
                0 => plain("Error", id, "Database entry not found"),
                _ => plain("Success", id, "Key tree deleted successfully"),
            }
        }
        _ => plain("Error", id, "Invalid/unknown command: the demonstration's stand-in does not have it"),
    }
}

/// The unsolicited events of one change, in Asterisk's order.
fn events(change: &Change) -> String {
    let peer = |user: &str, status: &str| {
        format!(
            "Event: PeerStatus\r\nPrivilege: system,all\r\nChannelType: PJSIP\r\nPeer: PJSIP/{user}\r\nPeerStatus: {status}\r\n\r\n"
        )
    };
    let device = |user: &str, state: &str| {
        format!("Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: PJSIP/{user}\r\nState: {state}\r\n\r\n")
    };
    let contact = |user: &str, uri: &str, status: &str| {
        format!(
            "Event: ContactStatus\r\nPrivilege: system,all\r\nURI: {uri}\r\nContactStatus: {status}\r\nAOR: {user}\r\n\
             EndpointName: {user}\r\n\r\n"
        )
    };
    match change {
        Change::Added { user, uri, first } => {
            let state = if *first { device(user, "NOT_INUSE") + &peer(user, "Reachable") } else { String::new() };
            state + &contact(user, uri, "NonQualified")
        }
        Change::Removed { user, uri, last } => {
            let state = if *last { peer(user, "Unreachable") + &device(user, "UNAVAILABLE") } else { String::new() };
            state + &contact(user, uri, "Removed")
        }
    }
}

fn contact_status_detail(user: &str, binding: &Binding) -> String {
    let Binding { uri, agent, via, call_id, expires } = binding;
    format!(
        "Event: ContactStatusDetail\r\nAOR: {user}\r\nURI: {uri}\r\nUserAgent: {agent}\r\nRegExpire: {}\r\n\
         ViaAddress: {via}\r\nCallID: {call_id}\r\nStatus: NonQualified\r\nRoundtripUsec: N/A\r\nEndpointName: {user}\r\n\
         ID: {user};@{}\r\nAuthenticateQualify: 0\r\nOutboundProxy: \r\nPath: \r\nQualifyFrequency: 0\r\n\
         QualifyTimeout: 3.000\r\n",
        expires.as_second(),
        hash(uri)
    )
}

fn contact_list(user: &str, binding: &Binding) -> String {
    let Binding { uri, agent, via, call_id, expires } = binding;
    format!(
        "Event: ContactList\r\nObjectType: contact\r\nObjectName: {user};@{}\r\nUri: {uri}\r\nUserAgent: {agent}\r\n\
         ViaAddr: {}\r\nViaPort: {}\r\nCallId: {call_id}\r\nExpirationTime: {}\r\nEndpoint: {user}\r\nRegServer: \r\n\
         Status: NonQualified\r\nRoundtripUsec: N/A\r\nPath: \r\n",
        hash(uri),
        via.ip(),
        via.port(),
        expires.as_second()
    )
}

fn auth_list(account: &Account) -> String {
    format!(
        "Event: AuthList\r\nObjectType: auth\r\nObjectName: {}-auth\r\nUsername: {}\r\nPassword: {}\r\nMd5Cred: \r\nRealm: \r\n\
         NonceLifetime: 32\r\nAuthType: userpass\r\n",
        account.user,
        account.auth,
        account.password.expose()
    )
}

fn device_state(account: &Account, bindings: &[(String, Binding)]) -> &'static str {
    if bindings.iter().any(|(user, _)| *user == account.user) { "Not in use" } else { "Unavailable" }
}

fn endpoint_list(account: &Account, bindings: &[(String, Binding)]) -> String {
    let user = &account.user;
    let own: Vec<&str> = bindings.iter().filter(|(u, _)| u == user).map(|(_, b)| b.uri.as_str()).collect();
    let contacts: String = own.iter().fold(String::new(), |text, uri| text + &format!("{user}/{uri},"));
    format!(
        "Event: EndpointList\r\nObjectType: endpoint\r\nObjectName: {user}\r\nTransport: \r\nAor: {user}\r\nAuths: {user}-auth\r\n\
         OutboundAuths: \r\nContacts: {contacts}\r\nDeviceState: {}\r\nActiveChannels: \r\n",
        device_state(account, bindings)
    )
}

fn endpoint_detail(account: &Account, bindings: &[(String, Binding)]) -> String {
    let user = &account.user;
    format!(
        "Event: EndpointDetail\r\nObjectType: endpoint\r\nObjectName: {user}\r\nForceRport: false\r\nRewriteContact: false\r\n\
         Aors: {user}\r\nAuth: {user}-auth\r\nCallerid: \"{user}\" <{user}>\r\nDeviceState: {}\r\n",
        device_state(account, bindings)
    )
}

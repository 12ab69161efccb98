//! Phones on chan_sip and on chan_pjsip in one PBX, with the last Asterisk of FreePBX 15 and 16 that has both.

use offhook::domain::{Contact, Driver};
use offhook::pbx::ami::client::AmiUpdate;
use serde_json::Value;

use crate::support::asterisk::{Asterisk, MANAGER_SECRET};
use crate::support::clients::{credentials_in_cnf, credentials_in_xml, simulate_well, sipp_registers_at};
use crate::support::daemon::{Daemon, Site};
use crate::support::manager::client;
use crate::support::pbx::Pbx;
use crate::support::phone::Phone;
use crate::support::{Component, have, phone_address, wait_for};

const PJSIP: &str = "00087D0A0001";
const CHAN_SIP: &str = "00087D0A0002";
const JAVA: &str = "001B54AABB01";

fn registered(phone: &Value) -> bool {
    phone["stage"] == "registered" && phone["health"] == "ok" && phone["lines"][0]["registered"] == true
}

fn wait_for_published(pbx: &Pbx, mac: &str, stage: &str) {
    wait_for(&format!("{stage} in offhook_status"), || match pbx.published(mac) {
        Some(row) if row[0] == stage => Ok(()),
        other => Err(format!("{other:?}")),
    });
    wait_for(&format!("{stage} in Asterisk's database"), || {
        let shown = pbx.asterisk().cli("database show offhook");
        let entry = shown.lines().find(|line| line.starts_with(&format!("/offhook/{mac}/stage")));
        entry.filter(|line| line.trim_end().ends_with(stage)).map(|_| ()).ok_or(shown.clone())
    });
}

fn port_in_cnf(file: &str) -> Option<u16> {
    file.lines().find_map(|line| line.strip_prefix("proxy1_port:")?.trim().parse().ok())
}

#[test]
fn phones_of_both_drivers_in_one_pbx() {
    if !have(&[Component::MariaDb, Component::Asterisk16, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::with_both_drivers();
    let (pjsip, chan_sip) = (pbx.asterisk().sip_port, pbx.asterisk().chan_sip_port.unwrap());
    pbx.add_extension("1001", "Ada Lovelace", "CANARY1001");
    pbx.add_chan_sip_extension("2001", "Frank Chansip", "CANARY2001", "no");
    pbx.add_chan_sip_extension("2002", "Grace Chansip", "CANARY2002", "never");
    pbx.enable_tcp_of_chan_sip();
    for (mac, model, extension) in [(PJSIP, "7960", "1001"), (CHAN_SIP, "7960", "2001"), (JAVA, "7942", "2002")] {
        pbx.add_phone(mac, model, &[extension]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (mac, port) in [(PJSIP, pjsip), (CHAN_SIP, chan_sip)] {
        let file = daemon.wait_for_file(&format!("SIP{mac}.cnf"), "given its line", |file| file.contains("CANARY"));
        assert_eq!(port_in_cnf(&file), Some(port), "{mac}");
    }
    let address = [phone_address(), phone_address(), phone_address()];
    simulate_well("7960", PJSIP, "sip:P0S3-8-12-00", daemon.tftp, address[0]);
    simulate_well("7960", CHAN_SIP, "sip:P0S3-8-12-00", daemon.tftp, address[1]);
    simulate_well("7942", JAVA, "sip:SIP42.9-4-2SR3-1S", daemon.tftp, address[2]);
    assert!(pbx.asterisk().has_contact("1001") && !pbx.asterisk().has_contact("2001"));
    assert!(pbx.asterisk().has_peer("2001") && pbx.asterisk().has_peer("2002"));
    for (mac, address) in [PJSIP, CHAN_SIP, JAVA].into_iter().zip(address) {
        let phone = daemon.wait_for_phone(mac, "registered, and its load known", |phone| {
            registered(phone) && phone["load"].is_string()
        });
        assert_eq!(phone["ip"], address.to_string(), "{phone}");
        wait_for_published(&pbx, mac, "registered");
    }

    // Asterisk goes and comes back with what was registered; nobody was unregistered meanwhile.
    pbx.asterisk().down();
    wait_for("check to miss the manager", || {
        let checks = daemon.json(&["check"]).to_string();
        if checks.contains("manager interface") && checks.contains("failed") { Ok(()) } else { Err(checks) }
    });
    pbx.asterisk().up();
    wait_for("check to see the manager", || {
        let checks = daemon.json(&["check"]);
        let manager =
            checks.as_array().unwrap().iter().find(|check| check["name"].as_str().unwrap().contains("manager"));
        manager.filter(|check| check["status"] == "ok").map(|_| ()).ok_or_else(|| checks.to_string())
    });
    for mac in [PJSIP, CHAN_SIP, JAVA] {
        daemon.wait_for_phone(mac, "registered", registered);
        let timeline = daemon.json(&["phones", "timeline", mac]).to_string();
        assert!(!timeline.contains("\"unregistered\""), "{timeline}");
    }

    // Nor does a restart of offhook tell of them anew.
    let told = |daemon: &Daemon<'_>| [PJSIP, CHAN_SIP, JAVA].map(|mac| lines(daemon, mac));
    let before = told(&daemon);
    assert!(before.iter().all(|lines| lines.iter().any(|kind| kind == "registered")), "{before:?}");
    daemon.stop();
    let daemon = site.serve();
    for mac in [PJSIP, CHAN_SIP, JAVA] {
        daemon.wait_for_phone(mac, "registered", registered);
    }
    assert_eq!(told(&daemon), before);

    // Taken back, by a user agent that is not ours.
    let mut phone = Phone::new("2001", "CANARY2001", chan_sip);
    phone.register(3_600);
    phone.register(0);
    daemon.wait_for_phone(CHAN_SIP, "unregistered", |phone| phone["lines"][0]["registered"] == false);
    wait_for_published(&pbx, CHAN_SIP, "unreachable");
    assert!(registered(&daemon.phone(PJSIP)) && registered(&daemon.phone(JAVA)));

    moved_and_deleted(&pbx, &daemon, pjsip, chan_sip);

    // What ends while offhook is away is told once it is back.
    let before = lines(&daemon, PJSIP);
    daemon.stop();
    let mut phone = Phone::new("1001", "CANARY1001", pjsip);
    phone.register(3_600);
    phone.register(0);
    let daemon = site.serve();
    daemon.wait_for_phone(PJSIP, "away", |phone| phone["stage"] == "unreachable" && phone["health"] == "waiting");
    assert_eq!(lines(&daemon, PJSIP), [before.as_slice(), &["unregistered".to_owned()]].concat());
    daemon.stop();
}

/// What happened to the lines of a phone, in order.
fn lines(daemon: &Daemon<'_>, mac: &str) -> Vec<String> {
    let events = daemon.json(&["phones", "timeline", mac]);
    let kinds = events.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned());
    kinds.filter(|kind| ["registered", "unregistered", "unreachable"].contains(&kind.as_str())).collect()
}

/// *Change SIP Driver* and back, then the extension is deleted.
fn moved_and_deleted(pbx: &Pbx, daemon: &Daemon<'_>, pjsip: u16, chan_sip: u16) {
    let cnf = format!("SIP{CHAN_SIP}.cnf");
    let address = phone_address();
    for (on_pjsip, port) in [(true, pjsip), (false, chan_sip)] {
        pbx.delete_extension("2001");
        if on_pjsip {
            pbx.add_extension("2001", "Frank Moved", "CANARY2001");
        } else {
            pbx.add_chan_sip_extension("2001", "Frank Back", "CANARY2001", "no");
        }
        pbx.apply();
        daemon.wait_for_file(&cnf, "given the other port", |file| port_in_cnf(file) == Some(port));
        // What the other driver holds does not count.
        daemon.wait_for_phone(CHAN_SIP, "unregistered", |phone| phone["lines"][0]["registered"] == false);
        simulate_well("7960", CHAN_SIP, "sip:P0S3-8-12-00", daemon.tftp, address);
        // chan_pjsip keeps the contact of an extension that it has no more.
        assert_eq!((pbx.asterisk().has_contact("2001"), pbx.asterisk().has_peer("2001")), (true, !on_pjsip));
        daemon.wait_for_phone(CHAN_SIP, "registered", registered);
    }
    pbx.delete_extension("2001");
    pbx.apply();
    let phone = daemon.wait_for_phone(CHAN_SIP, "in need of hands", |phone| phone["health"] == "needs-hands");
    assert!(phone["summary"].as_str().is_some_and(|summary| summary.contains("2001")), "{phone}");
    assert!(registered(&daemon.phone(JAVA)));
}

/// A secret reaches chan_sip whole but for blanks at its ends, whatever is done to it on the way.
#[test]
fn a_foreign_user_agent_registers_with_chan_sip() {
    if !have(&[Component::MariaDb, Component::Asterisk16, Component::Program("sipp"), Component::Program("curl")]) {
        return;
    }
    let cases = [("2001", "plain1234"), ("2002", "w#x'y=:,@/?!"), ("2003", " blanks "), ("2004", "visible;shown")];
    let pbx = Pbx::with_both_drivers();
    for (at, (extension, secret)) in cases.iter().enumerate() {
        pbx.add_chan_sip_extension(extension, "Ada Lovelace", secret, "no");
        pbx.add_phone(&format!("00087D0B000{at}"), "7960", &[extension]);
        pbx.add_phone(&format!("001B54AACC0{at}"), "7942", &[extension]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (at, (extension, secret)) in cases.iter().enumerate() {
        let cnf = daemon.wait_for_file(&format!("SIP00087D0B000{at}.cnf"), "given its line", |file| {
            !credentials_in_cnf(file).is_empty()
        });
        let xml = daemon.wait_for_file(&format!("SEP001B54AACC0{at}.cnf.xml"), "given its line", |file| {
            !credentials_in_xml(file).is_empty()
        });
        for (user, given) in [credentials_in_cnf(&cnf), credentials_in_xml(&xml)].concat() {
            assert_eq!((user.as_str(), given.as_str()), (*extension, secret.trim()));
            let port = pbx.asterisk().chan_sip_port.unwrap();
            assert!(sipp_registers_at(port, &user, &given, phone_address()), "{extension}: {given:?} is refused");
            assert!(!sipp_registers_at(port, &user, "another", phone_address()), "anything registers");
        }
    }
    daemon.stop();
}

/// FreePBX's defaults for chan_sip keep every Cisco phone from registering: the advice speaks of chan_sip, and is right.
#[test]
fn what_keeps_phones_from_chan_sip_is_named_in_its_own_words() {
    if !have(&[Component::MariaDb, Component::Asterisk16, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::with_both_drivers();
    pbx.add_chan_sip_extension("2001", "Frank Chansip", "CANARY2001", "yes");
    pbx.add_chan_sip_extension("2002", "Grace Chansip", "CANARY2002", "yes");
    pbx.add_phone(CHAN_SIP, "7960", &["2001"]);
    pbx.add_phone(JAVA, "7942", &["2002"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (mac, reason, remedy) in
        [(CHAN_SIP, "endpoint-nat", "NAT Mode: No"), (JAVA, "tcp-off", "[chan_sip], Enable TCP: Yes")]
    {
        let phone = daemon.wait_for_phone(mac, "complained of", |phone| phone["reason"] == reason);
        let summary = phone["summary"].as_str().unwrap();
        assert!(summary.contains(remedy) && !summary.contains("pjsip"), "{summary}");
    }
    // As advised.
    pbx.delete_extension("2001");
    pbx.add_chan_sip_extension("2001", "Frank Chansip", "CANARY2001", "no");
    pbx.enable_tcp_of_chan_sip();
    pbx.apply();
    for (model, mac, load) in [("7960", CHAN_SIP, "sip:P0S3-8-12-00"), ("7942", JAVA, "sip:SIP42.9-4-2SR3-1S")] {
        daemon.wait_for_phone(mac, "left alone", |phone| phone["health"] == "waiting");
        simulate_well(model, mac, load, daemon.tftp, phone_address());
        daemon.wait_for_phone(mac, "registered", registered);
    }
    daemon.stop();
}

/// chan_sip is loaded later, or is alone; what it tells of each peer.
#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_comes_and_goes() {
    if !have(&[Component::Asterisk16]) {
        return;
    }
    let asterisk = Asterisk::with_chan_sip("noload = chan_sip.so\n");
    asterisk.write(
        "sip_additional.conf",
        "[2001]\ntype=friend\nhost=dynamic\nsecret=pw2001\nqualify=yes\nqualifyfreq=1\nnat=no\n",
    );
    let mut client = client(&asterisk, "offhook", MANAGER_SECRET);
    client.until("being up", |update| matches!(update, AmiUpdate::Up).then_some(())).await;
    client.contacts("2001", <[Contact]>::is_empty).await;
    asterisk.cli("module load chan_sip.so");
    client.until("a list", |update| matches!(update, AmiUpdate::Contacts(_)).then_some(())).await;

    let mut phone = Phone::new("2001", "pw2001", asterisk.chan_sip_port.unwrap());
    phone.register(3_600);
    let described = |contacts: &[Contact]| contacts.iter().any(|contact| !contact.user_agent.is_empty());
    let contacts = client.contacts("2001", described).await;
    let contact = &contacts[0];
    assert_eq!(contact.endpoint.driver, Driver::ChanSip);
    assert_eq!(contact.uri, format!("sip:2001@127.0.0.1:{}", phone.port()));
    assert_eq!((contact.ip, contact.user_agent.as_str()), ("127.0.0.1".parse().ok(), "Cisco-CP7960G/8.0"));
    let left = contact.expires.unwrap().as_second() - jiff::Timestamp::now().as_second();
    assert!((3_000..=3_700).contains(&left), "{left} s are left");
    // The phone answers no OPTIONS: it is bound and silent.
    let silent = |all: &[Contact]| all.iter().any(|one| one.state == offhook::domain::ContactState::Unreachable);
    let silent = client.contacts("2001", silent).await;
    assert_eq!((silent.len(), silent[0].since), (1, contact.since), "it is the same contact");

    // chan_pjsip goes, and all of it: chan_sip alone is enough.
    asterisk.down();
    client.down().await;
    asterisk.write("modules.conf", "[modules]\nautoload = yes\nnoload = res_pjsip.so\nnoload = chan_pjsip.so\n");
    asterisk.up();
    client.until("being up again", |update| matches!(update, AmiUpdate::Up).then_some(())).await;
    client.contacts("2001", |contacts| contacts.len() == 1).await;
    // A restart costs chan_sip the User-Agent; the next registration brings it.
    phone.register(3_600);
    client.contacts("2001", described).await;
    phone.register(0);
    client.contacts("2001", <[Contact]>::is_empty).await;
    // And chan_sip, too: that is not "unregistered".
    phone.register(3_600);
    client.contacts("2001", |contacts| contacts.len() == 1).await;
    asterisk.cli("module unload chan_sip.so");
    let why = client.down().await;
    assert!(why.contains("neither chan_pjsip nor chan_sip"), "{why}");
}

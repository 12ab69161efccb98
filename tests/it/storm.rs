//! Power comes back: 200 phones boot and register.

use std::sync::Mutex;
use std::thread;

use crate::support::clients::simulate_well;
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, phone_address, wait_for};

const PHONES: usize = 200;
/// At a time: two cores also carry the daemon, Asterisk and MariaDB.
const AT_ONCE: usize = 20;

#[test]
fn two_hundred_phones_boot_and_register() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let phones: Vec<(String, String, &str, &str)> = (0..PHONES)
        .map(|at| {
            let extension = (1000 + at).to_string();
            if at % 2 == 0 {
                (format!("00087D0C{at:04X}"), extension, "7960", "sip:P0S3-8-12-00")
            } else {
                (format!("001B54BB{at:04X}"), extension, "7942", "sip:SIP42.9-4-2SR3-1S")
            }
        })
        .collect();
    for (mac, extension, model, _) in &phones {
        pbx.add_extension(extension, &format!("Phone {extension}"), &format!("CANARY{extension}"));
        pbx.add_phone(mac, model, &[extension]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    wait_for("every phone to be known", || {
        let phones = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if phones == PHONES { Ok(()) } else { Err(format!("{phones}")) }
    });
    for (mac, ..) in [&phones[0], &phones[PHONES - 2]] {
        daemon.wait_for_file(&format!("SIP{mac}.cnf"), "given its line", |file| file.contains("CANARY"));
    }

    let tftp = daemon.tftp;
    let queue = Mutex::new(phones.iter());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some((mac, _, model, state)) = next else { break };
                    simulate_well(model, mac, state, tftp, phone_address());
                }
            });
        }
    });

    wait_for("every phone to be registered", || {
        let listed = daemon.json(&["phones", "list"]);
        let not: Vec<String> = listed
            .as_array()
            .unwrap()
            .iter()
            .filter(|phone| phone["stage"] != "registered")
            .map(ToString::to_string)
            .collect();
        if not.is_empty() { Ok(()) } else { Err(format!("{} are not, such as {}", not.len(), not[0])) }
    });
    wait_for("every row of offhook_status", || {
        let rows = pbx
            .database
            .rows(&["mac"], "FROM offhook_status WHERE stage = 'registered' AND lines_registered = 1")
            .len();
        if rows == PHONES { Ok(()) } else { Err(format!("{rows}")) }
    });
    daemon.stop();
}

//! A phone on a link of the daemon's own host, each in a network of its own: known by the link when it names nobody, its
//! web page read, converted by itself.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::set;

use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

const MAC: &str = "001B54CE0009";
const PRETENDED: &str = "001B54CE0001";
const PAGE: &str = "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><DeviceInformation>\
    <MACAddress>001B54CE0009</MACAddress><versionID>SIP45.8-5-2S</versionID></DeviceInformation>";
const TARGET: &str = "SIP45.9-4-2SR3-1S";

/// Lays the other end of the daemon's link into a network of its own, as the phone.
fn phone(daemon: &Daemon<'_>) -> Ends {
    let phone = apart();
    let id = phone.0.id();
    succeed(&mut inside(daemon.process(), "ip", &["link", "set", "v1", "netns", &id.to_string()]));
    ip(
        id,
        &[
            "link set lo up",
            "link set v1 address 00:1b:54:ce:00:09",
            "address add 198.51.100.9/24 dev v1",
            "link set v1 up",
        ],
    );
    phone
}

/// Serves a page at port 80 of the network of a process; who asked stands in `asked` beside it.
fn web_server(process: u32, folder: &Path) -> Ends {
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("DeviceInformationX"), PAGE).unwrap();
    let asked = File::create(folder.join("asked")).unwrap();
    let mut server =
        inside(process, "python3", &["-u", "-m", "http.server", "--directory", folder.to_str().unwrap(), "80"]);
    let server = Ends(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(asked).spawn().unwrap());
    wait_for("the page", || {
        let got = run(&mut inside(process, "curl", &["-sSf", "http://127.0.0.1/asked"]));
        if got.status.success() { Ok(()) } else { Err(text(&got.stderr)) }
    });
    server
}

/// Whether somebody asked that server for what only phones have.
fn was_asked(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("asked")).unwrap().contains("GET /DeviceInformationX")
}

#[test]
fn a_phone_on_the_link_is_known_looked_at_and_converted_by_itself() {
    let tools = ["unshare", "nsenter", "ip", "curl", "python3"].map(Component::Program);
    if !have(&[&[Component::RawPackets], tools.as_slice()].concat()) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1009", "Ada", "CANARY1009");
    pbx.add_phone(MAC, "7965", &["1009"]);
    pbx.add_phone(PRETENDED, "7965", &["1009"]);
    let site = Site::new(&pbx);
    let listen = "[tftp]\nlisten = [\"127.0.0.1:0\"";
    let configuration = site.configuration().replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"198.51.100.0/24\"]");
    assert!(configuration.contains(listen), "{configuration}");
    let configuration = configuration.replace(listen, &format!("{listen}, \"198.51.100.1:6969\""));
    site.configure(&format!("{configuration}\n[firmware]\nconversion = \"adopted\"\n"));
    let apart = "exec unshare --net sh -c 'ip link set lo up && ip link add v0 type veth peer name v1 && \
        ip address add 198.51.100.1/24 dev v0 && ip link set v0 up && exec \"$@\"' sh \"$@\"";
    let daemon = site.serve_with(|command| *command = site.by_shell(apart));
    let phone = phone(&daemon);
    let (at_phone, at_ours) = (site.folder().join("phone"), site.folder().join("ours"));
    let _servers = (web_server(phone.0.id(), &at_phone), web_server(daemon.process(), &at_ours));

    let mut add = vec!["firmware".to_owned(), "add".to_owned()];
    for load in ["SIP45.8-5-2S", TARGET] {
        let archive = pack(load, &set(load).unwrap(), Form::Zip);
        let path = site.folder().join(&archive.name);
        std::fs::write(&path, &archive.bytes).unwrap();
        add.push(path.to_str().unwrap().to_owned());
    }
    let added = daemon.cli(&add.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(added.status.success(), "{}{}", text(&added.stdout), text(&added.stderr));

    // Somebody on the host itself says to be a phone: no reason to ask the host's own web server.
    let pretends = format!("tftp://198.51.100.1:6969/CTLSEP{PRETENDED}.tlv");
    let _ = run(&mut inside(daemon.process(), "curl", &["-s", "--max-time", "5", &pretends]));
    let pretended = daemon.phone(PRETENDED);
    assert_eq!(pretended["ip"], "198.51.100.1", "{pretended}");

    // It asks for what names nobody, and is in its timeline all the same.
    wait_for("the phone to be known by its link", || {
        let url = "tftp://198.51.100.1:6969/XMLDefault.cnf.xml";
        let _ = run(&mut inside(phone.0.id(), "curl", &["-s", "--max-time", "5", "-o", "/dev/null", url]));
        let shown = daemon.phone(MAC);
        if shown["ip"] == "198.51.100.9" { Ok(()) } else { Err(shown.to_string()) }
    });
    let conversion = wait_for("a conversion that nobody started", || {
        let all = daemon.json(&["convert", "status"]);
        all.as_array().and_then(|all| all.first().cloned()).ok_or_else(|| daemon.phone(MAC).to_string())
    });
    assert_eq!(conversion["mac"], MAC);
    assert_eq!((&conversion["from"], &conversion["target"]), (&"SIP45.8-5-2S".into(), &TARGET.into()), "{conversion}");
    let log = daemon.json(&["convert", "log"]).to_string();
    assert!(log.contains("firmware.conversion") && log.contains(MAC), "{log}");
    assert!(was_asked(&at_phone) && !was_asked(&at_ours));
    daemon.stop();
}

use super::*;
use crate::config::{Access, AmiSecret, PbxSource, Policy};

fn with(text: &str) -> Result<Config, ConfigError> {
    with_layers(text, &[], &[])
}

fn with_layers(text: &str, more: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offhook.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    for (name, text) in more {
        fs::write(folder.path().join("conf.d").join(name), text).unwrap();
    }
    load(&file, &environment.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect())
}

const LEAST: &str = "[pbx]\nsource = \"freepbx\"\n";

/// Every complaint contains each of these, in this order, one problem each.
fn complains(text: &str, expected: &[&str]) {
    let problems = with(text).expect_err(text).problems;
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.to_string().contains(expected), "{problem}\nshould contain {expected}");
    }
}

#[test]
fn the_sample_is_the_default() {
    let sample = include_str!("../../packaging/offhook.toml");
    let least = with(LEAST).unwrap();
    let sample_read = with(sample).unwrap();
    assert_eq!(Config { shown: Vec::new(), ..sample_read }, Config { shown: Vec::new(), ..least });
    // Every key of the wire shape stands in the sample, so that its reader sees all there is.
    let shown: toml::Table = sample.parse().unwrap();
    for key in LISTS {
        let (section, key) = key.split_once('.').unwrap();
        assert!(shown[section].as_table().unwrap().contains_key(key), "{section}.{key} is not in the sample");
    }
}

#[test]
fn defaults_are_the_contract_s() {
    let config = with(LEAST).unwrap();
    assert_eq!(config.pbx.source, PbxSource::FreePbx(None));
    assert_eq!(config.pbx.poll_interval.as_secs(), 2);
    assert_eq!(config.tftp.listen, ["0.0.0.0:69".parse().unwrap()]);
    assert_eq!(config.access, Access { policy: Policy::OwnMac, first_contact: std::time::Duration::from_mins(30) });
    assert_eq!(config.phones.time_zone, None);
    assert_eq!(config.ami.unwrap().secret, AmiSecret::File("/etc/offhook/ami.secret".into()));
    assert!(!config.server.phone_networks.iter().any(|net| net.contains(&std::net::Ipv4Addr::LOCALHOST)));
}

#[test]
fn each_value_is_shown_with_the_layer_that_said_so() {
    let text = format!("{LEAST}poll_interval = \"3s\"\n\n[ami]\nsecret = \"83746152\"\n");
    let more = [("10-setup.toml", "[tftp]\nfall_through = \"/srv/tftp\"\n")];
    let environment = [("OFFHOOK_SERVER__PHONE_NETWORKS", "10.0.0.0/8,192.0.2.0/24")];
    let config = with_layers(&text, &more, &environment).unwrap();
    let shown = |key: &str| {
        let shown = config.shown.iter().find(|shown| shown.key == key).unwrap_or_else(|| panic!("{key}"));
        (shown.value.as_str(), shown.source.as_str())
    };
    assert!(shown("pbx.poll_interval").1.ends_with("/offhook.toml line 3"), "{:?}", shown("pbx.poll_interval"));
    assert_eq!(shown("pbx.poll_interval").0, "\"3s\"");
    assert!(shown("tftp.fall_through").1.ends_with("/conf.d/10-setup.toml line 2"), "{:?}", shown("tftp.fall_through"));
    let networks = ("[\"10.0.0.0/8\", \"192.0.2.0/24\"]", "OFFHOOK_SERVER__PHONE_NETWORKS");
    assert_eq!(shown("server.phone_networks"), networks);
    assert_eq!(shown("phones.language"), ("\"en_US\"", "default"));
    assert!(!format!("{:?}", config.shown).contains("83746152"));
}

#[test]
fn hosts_of_the_page_are_names_and_nothing_more() {
    let with = |hosts: &str, listen: &str| with(&format!("{LEAST}[admin]\nhosts = {hosts}\nlisten = [{listen}]\n"));
    let config = with("[\"PBX.example.com\", \"192.0.2.1\"]", "\"127.0.0.1:8150\"").unwrap();
    assert_eq!(config.admin_hosts, ["pbx.example.com", "192.0.2.1"]);
    assert!(config.notes.is_empty(), "{:?}", config.notes);
    let notes = with("[]", "\"127.0.0.1:8150\", \"192.0.2.1:8150\"").unwrap().notes;
    assert!(notes.len() == 1 && notes[0].contains("192.0.2.1:8150") && notes[0].contains("plain"), "{notes:?}");
    for bad in ["", "*", "pbx:8150", "https://pbx", "a b", "pbx/", "-x", "ü"] {
        let problems = with(&format!("[\"{bad}\"]"), "").unwrap_err().problems;
        assert!(problems.len() == 1 && problems[0].key == "admin.hosts", "{bad}: {problems:?}");
    }
}

#[test]
fn no_password_is_in_a_complaint() {
    for (section, key) in [("ami", "secret"), ("phones", "phone_password"), ("pbx", "database_url"), ("store", "url")] {
        for value in ["83746152", "8374.6152", "true", "[\"83746152\"]", "1979-05-27"] {
            let text = if section == "pbx" {
                format!("{LEAST}{key} = {value}\n")
            } else {
                format!("{LEAST}[{section}]\n{key} = {value}\n")
            };
            let problems = with(&text).expect_err(&text).to_string();
            assert!(problems.contains(&format!("{section}.{key}: is no text; put it in quotes")), "{problems}");
            assert!(!problems.contains(value), "{problems}");
        }
    }
}

/// The folder is read by whoever asks, at any depth.
#[test]
fn nothing_private_lies_in_the_folder_of_the_phones() {
    let with_folder = |folder: &str| {
        format!(
            "[pbx]\nsource = \"sqlite\"\ndatabase_url = \"sqlite:///srv/pbx/pbx.db\"\n[server]\nstate_dir = \"/srv/state\"\n\
             [ami]\nsecret_file = \"/srv/ami/secret\"\n[tftp]\nfall_through = \"{folder}\"\n"
        )
    };
    for (folder, key) in [
        ("/", "server.state_dir"),
        ("/srv", "server.state_dir"),
        ("/srv/state/", "server.state_dir"),
        ("/srv/ami", "ami.secret_file"),
        ("/srv/pbx/.", "pbx.database_url"),
        ("/srv/tftp/..", ".. in it"),
        ("srv", "no absolute path"),
    ] {
        complains(&with_folder(folder), &[key]);
        complains(&with_folder(folder), &["tftp.fall_through"]);
    }
    for folder in ["/srv/tftp", "/srv/state-of-phones", "/srv/state/tftp", ""] {
        with(&with_folder(folder)).expect(folder);
    }
    complains(&format!("{LEAST}[tftp]\nfall_through = \"/etc\"\n"), &["/etc/freepbx.conf"]);
}

#[test]
fn addresses_that_no_phone_can_send_to() {
    for ip in ["0.0.0.0", "255.255.255.255", "224.0.0.1"] {
        complains(&format!("{LEAST}[server]\naddress = \"{ip}\"\n"), &["server.address"]);
        complains(&format!("{LEAST}sip_host = \"{ip}\"\n"), &["pbx.sip_host"]);
    }
    complains(&format!("{LEAST}[server]\nphone_networks = []\n"), &["server.phone_networks"]);
    for (listen, sound) in [
        ("\"127.0.0.1:69\", \"0.0.0.0:69\"", false),
        ("\"0.0.0.0:69\", \"127.0.0.1:69\"", false),
        ("\"0.0.0.0:69\", \"127.0.0.1:70\"", true),
        ("\"0.0.0.0:0\", \"127.0.0.1:0\"", true),
    ] {
        let text = format!("{LEAST}[tftp]\nlisten = [{listen}]\n");
        assert_eq!(with(&text).is_ok(), sound, "{listen}");
    }
}

#[test]
fn keys_that_do_nothing_yet_are_refused() {
    complains(&format!("{LEAST}config_dir = \"/opt/asterisk\"\n"), &["not built yet"]);
}

#[test]
fn who_may_have_what() {
    let read = |text: &str| with(&format!("{LEAST}[access]\n{text}\n")).unwrap();
    for (word, policy, note) in
        [("own-mac", Policy::OwnMac, false), ("network", Policy::Network, true), ("open", Policy::Open, true)]
    {
        let config = read(&format!("policy = \"{word}\""));
        assert_eq!(config.access.policy, policy);
        assert_eq!(config.notes.iter().any(|note| note.starts_with("access.policy")), note, "{word}");
    }
    assert_eq!(read("first_contact = \"2h\"").access.first_contact.as_secs(), 7_200);
    complains(&format!("{LEAST}[access]\npolicy = \"all\"\n"), &["none of own-mac"]);
    complains(&format!("{LEAST}[access]\nfirst_contact = \"25h\"\n"), &["longer than a day"]);
    complains(&format!("{LEAST}[access]\nfirst_contact = \"soon\"\n"), &["access.first_contact"]);
}

#[test]
fn every_problem_in_one_report_with_key_and_line() {
    complains(
        "[pbx]\nsource = \"freepbx\"\npool_interval = \"2s\"\n\n[tftp]\nlisten = 69\n[nonsense]\n[publish]\nastdb = \"yes\"\n",
        &["line 7: nonsense", "line 3: pbx.pool_interval: unknown key", "line 9: publish.astdb", "line 6: tftp.listen"],
    );
}

#[test]
fn values_are_checked_together() {
    complains(
        "[server]\naddress = \"pbx\"\nphone_networks = [\"10.0.0.0/33\", \"10.1.2.3/8\", \"0.0.0.0/0\"]\nstate_dir = \"x\"\n\
         [pbx]\nsource = \"freepbx\"\npoll_interval = \"soon\"\n[tftp]\nlisten = [\"0.0.0.0:70000\"]\n",
        &[
            "server.address",
            "10.0.0.0/33",
            "the network is 10.0.0.0/8",
            "whole Internet",
            "server.state_dir",
            "pbx.poll_interval",
            "70000",
            "tftp.listen: name at least one",
        ],
    );
}

#[test]
fn what_is_named_but_not_built_is_refused() {
    for (text, key) in [
        ("[discovery]\ninterfaces = [\"eth0\", \"eth0\"]\n", "discovery.interfaces"),
        ("[discovery]\ninterfaces = [\"a/b\"]\n", "discovery.interfaces"),
        ("[discovery]\ninterfaces = [\"\"]\n", "discovery.interfaces"),
        ("[store]\nurl = \"postgres://h/d\"\n", "store.url"),
        ("[syslog]\nlisten = [\"514\"]\n", "syslog.listen"),
        ("[publish]\nwebhook = [\"http://h/\"]\n", "publish.webhook"),
    ] {
        complains(&format!("{LEAST}{text}"), &[key]);
    }
    complains("[pbx]\nsource = \"realtime\"\n", &["not built yet"]);
    complains("[pbx]\nsource = [\"freepbx\", \"sqlite\"]\n", &["several sources"]);
    complains("", &["pbx.source: has no default"]);
}

#[test]
fn phones_are_heard_where_it_says() {
    let config = with(&format!("{LEAST}[syslog]\nlisten = [\"0.0.0.0:514\"]\n")).unwrap();
    assert!(config.listens().iter().any(|listen| listen.key == "syslog.listen" && listen.address.port() == 514));
}

#[test]
fn phones_ask_for_the_time_on_one_port() {
    complains(
        &format!("{LEAST}[sntp]\nlisten = [\"0.0.0.0:1123\"]\n"),
        &["sntp.listen: 0.0.0.0:1123 is not on port 123"],
    );
    let config = with(&format!("{LEAST}[sntp]\nlisten = [\"0.0.0.0:123\"]\n")).unwrap();
    assert!(config.listens().iter().any(|listen| listen.key == "sntp.listen" && listen.address.port() == 123));
}

#[test]
fn firmware_is_checked() {
    for (text, key) in [
        ("conversion = \"always\"", "firmware.conversion"),
        ("concurrent = 0", "firmware.concurrent"),
        ("target = { \"7960\" = \"latest\" }", "firmware.target.7960"),
        ("erased = { \"42\" = \"SIP42.9-4-2SR3-1S\" }", "firmware.erased.42"),
        ("erased = { term42 = \"newest\" }", "firmware.erased.term42"),
        ("os79xx_window = \"soon\"", "firmware.os79xx_window"),
        ("window = \"at night\"", "firmware.window"),
        ("window = \"22:00-22:00\"", "firmware.window"),
    ] {
        complains(&format!("{LEAST}[firmware]\n{text}\n"), &[key]);
    }
}

#[test]
fn later_layers_replace_whole_values() {
    let config = with_layers(
        LEAST,
        &[
            ("20-b.toml", "[tftp]\nlisten = [\"127.0.0.1:6969\"]\n"),
            ("10-a.toml", "[tftp]\nlisten = [\"127.0.0.2:1\", \"127.0.0.2:2\"]\nfall_through = \"\"\n"),
            ("ignored.conf", "nonsense"),
        ],
        &[
            ("OFFHOOK_HTTP__LISTEN", "127.0.0.1:0, 127.0.0.2:0"),
            ("OFFHOOK_AMI__SECRET", "007"),
            ("OFFHOOK_LOG", "debug"),
            ("OFFHOOK_PUBLISH__ASTDB", "false"),
        ],
    )
    .unwrap();
    assert_eq!(config.tftp.listen, ["127.0.0.1:6969".parse().unwrap()]);
    assert_eq!(config.tftp.fall_through, None);
    assert_eq!(config.http.len(), 2);
    assert!(!config.publish.astdb);
    let AmiSecret::Inline(secret) = config.ami.unwrap().secret else { panic!("the secret is inline") };
    assert_eq!(secret.expose(), "007", "digits stay text");
}

#[test]
fn the_environment_is_as_strict_as_a_file() {
    let problems = with_layers(LEAST, &[], &[("OFFHOOK_TFTP__LISTN", "x"), ("OFFHOOK_PBX__SIP_PORT", "many")])
        .unwrap_err()
        .problems;
    let text = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("OFFHOOK_TFTP__LISTN") && text.contains("OFFHOOK_PBX__SIP_PORT"), "{text}");
}

/// What is wrong with a value is said of the layer that set it last.
#[test]
fn a_problem_is_shown_where_the_value_was_set() {
    let text = format!("{LEAST}sip_host = \"a b\"\n[admin]\nlisten = [\"x\"]\n");
    let more = [("10-a.toml", "[http]\n\nlisten = [\"y\"]\n"), ("20-b.toml", "[admin]\nlisten = [\"z\"]\n")];
    let environment = [("OFFHOOK_TFTP__LISTEN", "w"), ("OFFHOOK_PBX", "1"), ("OFFHOOK_CONFIG", "x")];
    let problems = with_layers(&text, &more, &environment).unwrap_err().problems;
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for wanted in [
        "offhook.toml line 3: pbx.sip_host",
        "10-a.toml line 3: http.listen",
        "20-b.toml line 2: admin.listen",
        "OFFHOOK_TFTP__LISTEN: tftp.listen",
        "OFFHOOK_PBX: is no key",
    ] {
        assert!(shown.iter().any(|line| line.contains(wanted)), "{wanted} is not in {shown:#?}");
    }
    assert!(!shown.iter().any(|line| line.contains("OFFHOOK_CONFIG")), "{shown:#?}");
}

#[test]
fn files_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let none = Environment::new();
    let missing = load(&folder.path().join("none.toml"), &none).unwrap_err().to_string();
    assert!(missing.contains("is not there"), "{missing}");
    let directory = load(folder.path(), &none).unwrap_err().to_string();
    assert!(directory.contains("no regular file"), "{directory}");
    let binary = folder.path().join("binary.toml");
    fs::write(&binary, [0xff, 0xfe, 0]).unwrap();
    assert!(load(&binary, &none).unwrap_err().to_string().contains("UTF-8"));
    let syntax = folder.path().join("syntax.toml");
    fs::write(&syntax, "[pbx]\nsource = freepbx\n").unwrap();
    assert!(load(&syntax, &none).unwrap_err().to_string().contains("line 2"));
    let bom = folder.path().join("bom.toml");
    fs::write(&bom, "\u{feff}[pbx]\r\nsource = \"freepbx\"\r\n").unwrap();
    assert!(load(&bom, &none).is_ok());
}

#[test]
fn a_password_that_all_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offhook.toml");
    for (text, refused) in [
        (format!("{LEAST}[ami]\nsecret = \"canary\"\n"), true),
        (format!("{LEAST}database_url = \"mysql://u:canary@localhost/asterisk\"\n"), true),
        (format!("{LEAST}database_url = \"mysql://u@localhost/asterisk\"\n"), false),
    ] {
        fs::write(&file, &text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let outcome = load(&file, &Environment::new());
        assert_eq!(outcome.is_err(), refused, "{text}");
        assert!(!format!("{outcome:?}").contains("canary"));
        fs::write(&file, format!("{text}[server]\nallow_readable_secrets = true\n")).unwrap();
        assert!(load(&file, &Environment::new()).is_ok(), "{text}");
    }
}

//! Values of a line, as hostile as they come, written into a phone's file and read back by the scripted phones' own
//! reader, which shares nothing with the writer: refused, or exactly as they were; no key more, no key less.

use std::sync::LazyLock;

use offhook::catalog::{Catalog, Model};
use offhook::domain::{Line, Load, Phone, PhoneOptions, Secret};
use offhook::render::{FileKind, Site, render};
use offhook::simulate::{cnf as simulated_cnf, sep as simulated_sep};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

/// What a hostile row decides.
struct Values {
    label: String,
    display_name: String,
    sip_user: String,
    auth_user: String,
    secret: String,
    phone_password: String,
}

impl Values {
    /// Parts of the data, ended by NUL.
    fn of(data: &[u8]) -> Self {
        let mut parts = data.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
        let mut next = || parts.next().unwrap_or_else(|| "1001".to_owned());
        Self {
            label: next(),
            display_name: next(),
            sip_user: next(),
            auth_user: next(),
            secret: next(),
            phone_password: next(),
        }
    }

    fn plain() -> Self {
        Self::of(b"")
    }
}

fn line(button: u8, values: &Values) -> Line {
    Line {
        button,
        extension: "1001".parse().expect("an extension"),
        label: values.label.clone(),
        display_name: values.display_name.clone(),
        sip_user: values.sip_user.clone(),
        auth_user: values.auth_user.clone(),
        secret: Secret::new(&*values.secret),
        voicemail: Some("*97".to_owned()),
        port: 5060,
    }
}

fn made(kind: FileKind, model: &Model, load: &str, values: &Values) -> Option<Vec<u8>> {
    let options = PhoneOptions {
        time_zone: Some("Europe/Berlin".to_owned()),
        ntp: Some("192.0.2.10".to_owned()),
        language: Some("en_GB".to_owned()),
        phone_password: Some(values.phone_password.clone()),
        voicemail: Some("*97".to_owned()),
        emergency: Some(vec!["112".to_owned()]),
        ..PhoneOptions::default()
    };
    let load = Load::parse(load);
    let phone = Phone {
        mac: "001B54AABB01".parse().expect("a MAC"),
        model: model.name.clone(),
        description: String::new(),
        lines: vec![line(1, values), line(2, &Values::of(b"two\0two\x002002\x002002\0secret2"))],
        left_out: Vec::new(),
        options: options.clone(),
        transport: model.default_transport(load.as_ref()),
        offered_load: load.as_ref().map(|load| load.name.clone()),
        load,
    };
    let registrar = "192.0.2.10".to_owned();
    let site = Site { server: "192.0.2.10".parse().expect("an address"), registrar, options, year: 2026 };
    render(kind, Some((&phone, model)), &site).ok().map(|bytes| bytes.to_vec())
}

/// `SIP<MAC>.cnf` of a 7960.
pub fn cnf(data: &[u8]) {
    let model = CATALOG.find("7960").expect("in the catalogue");
    let read = |values: &Values| {
        let file = made(FileKind::SipMac, model, "P0S3-8-12-00", values)?;
        let parsed = simulated_cnf::parse(&file).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(parsed.complaints, [], "{}", String::from_utf8_lossy(&file));
        Some(parsed.values)
    };
    let values = Values::of(data);
    let Some(parsed) = read(&values) else { return };
    let plain = read(&Values::plain()).expect("plain values fit");
    // An option that does not fit is left out, and told as a problem; a line never is.
    let others = |key: &&String| *key != "phone_password";
    assert!(parsed.keys().filter(others).eq(plain.keys().filter(others)), "{:?} {:?}", parsed.keys(), plain.keys());
    assert!(parsed.get("phone_password").is_none_or(|password| *password == values.phone_password));
    for (key, value) in
        [("line1_name", &values.sip_user), ("line1_authname", &values.auth_user), ("line1_password", &values.secret)]
    {
        assert_eq!(parsed.get(key), Some(value), "{key} is as it was");
    }
    for (key, value) in &parsed {
        let own = key.starts_with("line1_") || ["phone_label", "phone_password", "sync"].contains(&key.as_str());
        assert!(own || plain.get(key) == Some(value), "{key} is another's: {value}");
    }
}

/// `SEP<MAC>.cnf.xml` of a 7942.
pub fn sep(data: &[u8]) {
    let model = CATALOG.find("7942").expect("in the catalogue");
    let shape = |file: &[u8]| {
        let text = std::str::from_utf8(file).expect("UTF-8");
        let document = roxmltree::Document::parse(text).unwrap_or_else(|why| panic!("{why}\n{text}"));
        assert!(document.descendants().all(|node| !node.is_comment() && !node.is_pi()));
        let elements = document.descendants().filter(roxmltree::Node::is_element);
        elements.map(|node| node.tag_name().name().to_owned()).collect::<Vec<_>>()
    };
    let load = "SIP42.9-4-2SR3-1S";
    let values = Values::of(data);
    let Some(file) = made(FileKind::SepMac, model, load, &values) else { return };
    let plain = made(FileKind::SepMac, model, load, &Values::plain()).expect("plain values fit");
    assert_eq!(shape(&file), shape(&plain), "no element more, none less, none another");
    let rules = simulated_sep::Rules { generation: simulated_sep::Generation::V9, keys: 2, short_passwords: false };
    let read = simulated_sep::read(&file, rules).unwrap_or_else(|why| panic!("{why:?}"));
    let [first, second] = read.lines.as_slice() else { panic!("{} lines", read.lines.len()) };
    assert_eq!((&first.user, first.auth.as_ref()), (&values.sip_user, Some(&values.auth_user)));
    assert!(first.password.as_ref() == Some(&values.secret), "the secret is as it was");
    assert_eq!((&*second.user, second.password.as_deref()), ("2002", Some("secret2")), "the other line is its own");
}

//! `SEP<MAC>.cnf.xml` and `XMLDefault.cnf.xml`.
//!
//! A Java phone takes the whole file or nothing, and some loads crash on a missing subtree [HIP]; so the template is the
//! full skeleton for every load, with empty elements where there is nothing to say. What surprises: a line's proxy is
//! the word `USECALLMANAGER`, the registrar is a "call manager" [UCM-SEP].

use std::fmt::Write as _;

use askama::Template;
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::catalog::{Family, Model};
use crate::domain::{Load, Phone, SipTransport};

use super::locale::{self, Locale};
use super::timezone;
use super::xml::{Xml, whole};
use super::{RenderError, Site, Stamp, lines, offered, registrar};

/// UTC all the year: what the skeleton says where no zone is known.
const NO_ZONE: &str = "Greenwich Standard Time";

/// The SIP port that a file without lines names (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

#[derive(Template)]
#[template(path = "phone/SEPMAC.cnf.xml", escape = "none")]
struct SepMac {
    elements: Vec<(Xml, Xml)>,
    date_template: &'static str,
    time_zone: &'static str,
    ntp: Option<Xml>,
    registrar: Xml,
    sip_port: u16,
    label: Xml,
    keys: Vec<Key>,
    features: Vec<Feature>,
    phone_password: Xml,
    load: Option<Xml>,
    stamp: String,
    locale: Locale,
    /// 1 TCP, 2 UDP.
    transport: u8,
}

struct Key {
    button: u8,
    index: usize,
    label: Xml,
    port: u16,
    name: Xml,
    display_name: Xml,
    auth_name: Xml,
    password: Xml,
    voicemail: Xml,
}

/// A key that opens a function of the phone.
struct Feature {
    button: u8,
    id: u16,
    label: Xml,
}

/// What a legacy loader needs to take a load [TEO].
#[derive(Template)]
#[template(path = "phone/SEPMAC-legacy.cnf.xml", escape = "none")]
struct SepLegacy {
    load: Xml,
}

#[derive(Template)]
#[template(path = "phone/XMLDefault.cnf.xml", escape = "none")]
struct XmlDefault {
    registrar: Xml,
    sip_port: u16,
    load: Option<(u32, Xml)>,
}

/// What one phone is told.
pub(super) fn sep_mac(phone: &Phone, model: &Model, site: &Site, shown: Stamp) -> Result<Bytes, RenderError> {
    let load = offered(phone, model)?.map(|name| Xml::new(&name));
    if model.family == Family::Legacy {
        let load = load.ok_or_else(|| RenderError(format!("no load is offered to this {}", model.name)))?;
        return Ok(whole(SepLegacy { load }.render()?));
    }
    let options = &phone.options;
    let lines = lines(phone, model)?;
    let keys = lines.iter().zip(1..).map(|(line, index)| Key {
        button: line.button,
        index,
        label: Xml::new(&model.label(line)),
        port: line.port,
        name: Xml::new(&line.sip_user),
        display_name: Xml::new(&model.display_name(line)),
        auth_name: Xml::new(&line.auth_user),
        password: Xml::new(line.secret.expose()),
        voicemail: Xml::new(
            line.voicemail
                .as_deref()
                .or(options.voicemail.as_deref())
                .filter(|number| model.dialable(number))
                .unwrap_or_default(),
        ),
    });
    let free = model.feature_keys.iter().filter(|key| lines.iter().all(|line| line.button != key.button));
    let features =
        free.map(|key| Feature { button: key.button, id: key.feature, label: Xml::new(&key.label) }).collect();
    let zone = options.time_zone.as_deref().and_then(|name| timezone::resolve(name, site.year).ok());
    let password = options.phone_password.as_deref().filter(|text| model.carries_phone_password(text));
    let mut view = SepMac {
        elements: elements(model, phone.load.as_ref()),
        date_template: if locale::twelve_hours(options.language.as_deref()) { "M/D/YYA" } else { "D/M/YY" },
        time_zone: zone.map_or(NO_ZONE, |zone| zone.java.code),
        ntp: options.ntp.as_deref().filter(|host| model.carries_host(host)).map(Xml::new),
        registrar: Xml::new(registrar(model, site)?),
        sip_port: lines.first().map_or(SIP_PORT, |line| line.port),
        label: Xml::new(&lines.first().map(|line| model.phone_label(line)).unwrap_or_default()),
        keys: keys.collect(),
        features,
        phone_password: Xml::new(password.unwrap_or_default()),
        load,
        stamp: String::new(),
        locale: locale::locale(options.language.as_deref()),
        transport: match phone.transport {
            SipTransport::Tcp => 1,
            SipTransport::Udp => 2,
        },
    };
    // Any text will do that differs when the file differs: the digest of the file without it.
    view.stamp = shown.of(stamp(view.render()?.as_bytes()));
    Ok(whole(view.render()?))
}

/// What a phone without a file of its own is told: where the registrar is, and the load where one is offered. No lines
/// and no secrets, since any phone may ask for it.
pub(super) fn xml_default(phone: Option<(&Phone, &Model)>, site: &Site) -> Result<Bytes, RenderError> {
    let load = match phone {
        Some((phone, model)) => offered(phone, model)?.map(|name| (model.device_number, Xml::new(&name))),
        None => None,
    };
    let port = phone.and_then(|(phone, _)| phone.lines.first()).map_or(SIP_PORT, |line| line.port);
    Ok(whole(XmlDefault { registrar: Xml::new(&site.registrar), sip_port: port, load }.render()?))
}

/// Elements that only the releases from a major version on take. Of a load that is not known nothing is assumed.
fn elements(model: &Model, load: Option<&Load>) -> Vec<(Xml, Xml)> {
    let release = load.and_then(|load| model.release(Some(load)));
    release.into_iter().flat_map(|r| &r.elements).map(|(name, value)| (Xml::new(name), Xml::new(value))).collect()
}

/// A digest in the shape of a UUID, which is what call managers write here.
fn stamp(file: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, octet) in Md5::digest(file).iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

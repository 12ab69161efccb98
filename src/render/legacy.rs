//! `SIPDefault.cnf` and `SIP<MAC>.cnf` of 7940 and 7960.
//!
//! Flash < default file < phone file, key by key; what a file does not name stays as it was in flash. So every line is
//! named, the unused ones as cleared, and what belongs to one phone (its secrets, its password) is in its own file
//! only, since the default file goes to every phone.
//!
//! After a NOTIFY `check-sync` the phone restarts if `SYNC` of `syncinfo.xml` is not what its own `sync` is [AG80]. So
//! `sync` is a fingerprint of what both files say: the phone restarts when they say something new.

use std::fmt::Write as _;

use askama::Template;
use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::catalog::{Family, Model};
use crate::domain::{Phone, PhoneOptions};

use super::cnf::{Quoted, whole};
use super::timezone::{self, Zone};
use super::{RenderError, Site, Stamp, lines, locale, offered, registrar};

/// Limits of the keys that stand in the default file, where no model is known [FW812].
const VOICEMAIL: usize = 127;
const HOST: usize = 47;

#[derive(Template)]
#[template(path = "phone/SIPDefault.cnf", escape = "none")]
struct SipDefault {
    image_version: Option<String>,
    voicemail: Option<Quoted>,
    ntp: Option<Quoted>,
    zone: Option<Zone>,
    twelve_hours: bool,
}

#[derive(Template)]
#[template(path = "phone/SIPMAC.cnf", escape = "none")]
struct SipMac {
    image_version: Option<String>,
    label: Quoted,
    phone_password: Option<Quoted>,
    voicemail: Quoted,
    keys: Vec<Key>,
}

#[derive(Template)]
#[template(path = "phone/syncinfo.xml", escape = "none")]
struct SyncInfo {
    sync: String,
}

struct Key {
    number: u8,
    line: Option<KeyLine>,
}

struct KeyLine {
    proxy: Quoted,
    port: u16,
    name: Quoted,
    auth_name: Quoted,
    password: Quoted,
    display_name: Quoted,
    label: Quoted,
}

/// What every phone is told. Values that do not fit are left out; [`super::problems`] tells of them.
pub(super) fn sip_default(
    phone: Option<(&Phone, &Model)>,
    options: &PhoneOptions,
    site: &Site,
) -> Result<Bytes, RenderError> {
    let image_version = phone.map_or(Ok(None), |(phone, model)| offered(phone, model))?;
    let number = options.voicemail.as_deref().map(|number| Quoted::new("messages_uri", number, VOICEMAIL));
    let ntp = options.ntp.as_deref().map(|host| Quoted::new("sntp_server", host, HOST));
    let view = SipDefault {
        image_version,
        voicemail: number.and_then(Result::ok),
        ntp: ntp.and_then(Result::ok),
        zone: options.time_zone.as_deref().and_then(|name| timezone::resolve(name, site.year).ok()),
        twelve_hours: locale::twelve_hours(options.language.as_deref()),
    };
    whole("SIPDefault.cnf", view.render()?)
}

/// What one phone is told: its lines, with the keys it has none for cleared.
pub(super) fn sip_mac(phone: &Phone, model: &Model, site: &Site, shown: Stamp) -> Result<Bytes, RenderError> {
    let (text, sync) = own(phone, model, site)?;
    whole("SIP<MAC>.cnf", text + &shown.of(sync))
}

/// Whether the phone restarts.
pub(super) fn sync_info(
    phone: &Phone,
    model: &Model,
    site: &Site,
    restart: bool,
    shown: Stamp,
) -> Result<Bytes, RenderError> {
    let sync = if restart { "restart".to_owned() } else { shown.of(own(phone, model, site)?.1) };
    whole("syncinfo.xml", SyncInfo { sync }.render()?)
}

/// The phone's own file up to its last value, that of `sync`, and that value.
fn own(phone: &Phone, model: &Model, site: &Site) -> Result<(String, String), RenderError> {
    if model.family != Family::Legacy {
        return Err(RenderError(format!("a {} does not read SIP<MAC>.cnf", model.name)));
    }
    let limits = &model.limits;
    let lines = lines(phone, model)?;
    let keys = (1..=model.lines).map(|number| {
        let Some(line) = lines.iter().find(|line| line.button == number) else {
            return Ok(Key { number, line: None });
        };
        let line = KeyLine {
            proxy: Quoted::new("proxy address", registrar(model, site)?, limits.host)?,
            port: line.port,
            name: Quoted::new("line name", &line.sip_user, limits.number.max)?,
            auth_name: Quoted::new("line authname", &line.auth_user, limits.auth_name.max)?,
            password: Quoted::new("line password", line.secret.expose(), limits.secret.max)?,
            display_name: Quoted::new("line displayname", &model.display_name(line), limits.display_name)?,
            label: Quoted::new("line shortname", &model.label(line), limits.label)?,
        };
        Ok(Key { number, line: Some(line) })
    });
    let first = lines.first();
    let voicemail = first
        .and_then(|line| line.voicemail.as_deref())
        .or(phone.options.voicemail.as_deref())
        .filter(|number| model.dialable(number))
        .unwrap_or_default();
    let password = phone.options.phone_password.as_deref().filter(|text| model.carries_phone_password(text));
    let view = SipMac {
        image_version: offered(phone, model)?,
        label: Quoted::new(
            "phone_label",
            &first.map(|line| model.phone_label(line)).unwrap_or_default(),
            limits.phone_label,
        )?,
        phone_password: password
            .map(|text| Quoted::new("phone_password", text, limits.phone_password.max))
            .transpose()?,
        voicemail: Quoted::new("messages_uri", voicemail, limits.voicemail)?,
        keys: keys.collect::<Result<_, RenderError>>()?,
    };
    let default = sip_default(Some((phone, model)), &phone.options, &Site { year: ANY_YEAR, ..site.clone() })?;
    let text = view.render()? + "sync: ";
    let sync = fingerprint(&[&default, text.as_bytes()]);
    Ok((text, sync))
}

/// Another year's daylight saving dates, or a clock that is wrong, are no reason to restart.
const ANY_YEAR: i16 = 2026;

/// 16 hex digits; `sync` takes 32 characters [FW812].
fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

//! The boot of a Java phone (7906 … 7975): trust lists, `SEP<MAC>.cnf.xml`, locale, tones, dial template.
//!
//! Order as public logs of a 7942 and a 7962 on 9.4(2)SR3 show it; recovery from the boot loader as on 7945 and 7965.

use super::flash::java::install;
use super::flash::steps::Release;
use super::model::{Family, LoadId, Protocol};
use super::sep::{self, Generation, Settings};
use super::sip::{Plan, Transport};
use super::{Ending, Phone, files};

/// Plays the boot; `Ok` is what the phone registers with.
pub(crate) async fn boot(phone: &mut Phone<'_>) -> Result<Plan, Ending> {
    loop {
        let Some(running) = phone.running() else {
            change(phone, &format!("term{}.default", phone.setup.model.term)).await?;
            continue;
        };
        let found = trust_lists_and_file(phone).await?;
        let sip = running.protocol() == Some(Protocol::Sip);
        let (wanted, settings) = match found {
            Found::Sep(name, bytes) if sip => {
                let settings = read(phone, name, &bytes)?;
                (settings.load.clone(), Some(settings))
            }
            // An SCCP load looks at the call managers and at the load only.
            Found::Sep(name, bytes) => match files::sep_load(&bytes) {
                Ok(load) => (load, None),
                Err(why) => return Err(Ending::Refused { file: name, complaints: vec![why] }),
            },
            Found::Default(load) => (load, None),
            Found::Nothing => (None, None),
        };
        // After a recovery this is the second download: the same images under their own name.
        if let Some(wanted) = wanted.filter(|w| !w.eq_ignore_ascii_case(running.as_str())) {
            change(phone, &wanted).await?;
            continue;
        }
        if !sip {
            return Err(Ending::StaysOnLoad { load: running.to_string() });
        }
        let Some(settings) = settings else {
            return Err(Ending::Unprovisioned { why: format!("SEP{}.cnf.xml is not served", phone.setup.mac) });
        };
        rest_of_files(phone, &settings).await?;
        return plan(phone, &running, settings);
    }
}

/// Goes to `load`, or starts over where that fails.
async fn change(phone: &mut Phone<'_>, load: &str) -> Result<(), Ending> {
    match install(phone, load).await {
        Err(ending @ (Ending::NotServed { .. } | Ending::Looping { .. })) => phone.again(ending).await,
        done => done,
    }
}

/// Firmware generation of what runs: a recovery load's name does not say.
fn generation(phone: &Phone<'_>) -> Generation {
    match phone.flash.release() {
        Some(Release([8, ..])) => Generation::V8,
        _ => Generation::V9,
    }
}

enum Found {
    Sep(String, Vec<u8>),
    Default(Option<String>),
    Nothing,
}

async fn trust_lists_and_file(phone: &mut Phone<'_>) -> Result<Found, Ending> {
    let mac = phone.setup.mac;
    let mut trusted = false;
    for name in [format!("CTLSEP{mac}.tlv"), format!("ITLSEP{mac}.tlv"), "ITLFile.tlv".to_owned()] {
        trusted |= phone.fetch(&name).await?.is_some_and(|bytes| bytes.len() > 1);
    }
    if trusted {
        // With a trust list installed only a signed file counts, and nobody but a CallManager can sign one.
        let file = format!("SEP{mac}.cnf.xml.sgn");
        return Err(match phone.fetch(&file).await? {
            Some(_) => Ending::Refused { file, complaints: vec!["signed by nobody on the trust list".to_owned()] },
            None => Ending::NotServed { file },
        });
    }
    let name = format!("SEP{mac}.cnf.xml");
    if let Some(bytes) = phone.fetch(&name).await? {
        return Ok(Found::Sep(name, bytes));
    }
    let name = "XMLDefault.cnf.xml";
    match phone.fetch(name).await? {
        Some(bytes) => match files::xml_default(&bytes, &phone.setup.model) {
            Ok(default) => Ok(Found::Default(default.load)),
            Err(complaints) => Err(Ending::Refused { file: name.to_owned(), complaints }),
        },
        None => Ok(Found::Nothing),
    }
}

fn read(phone: &mut Phone<'_>, name: String, bytes: &[u8]) -> Result<Settings, Ending> {
    let rules = sep::Rules {
        generation: generation(phone),
        keys: phone.setup.model.keys,
        short_passwords: phone.setup.short_passwords,
    };
    match sep::read(bytes, rules) {
        Ok(settings) => Ok(settings),
        Err(complaints) => {
            phone.step(false, format!("{name} is discarded: {}", complaints.join("; ")));
            Err(Ending::Refused { file: name, complaints })
        }
    }
}

async fn rest_of_files(phone: &mut Phone<'_>, settings: &Settings) -> Result<(), Ending> {
    let jar = format!("{}/{}-sip.jar", settings.user_locale, phone.setup.model.locale);
    let tones = format!("{}/g3-tones.xml", settings.network_locale);
    for name in [jar, tones] {
        if phone.fetch(&name).await?.is_none() {
            phone.complain(format!("Error updating locale: {name} not found"));
        }
    }
    if !settings.dial_template.is_empty() {
        match phone.fetch(&settings.dial_template).await? {
            Some(bytes) => {
                for why in files::dial_template(&bytes, Family::Java) {
                    phone.complain(format!("{}: {why}", settings.dial_template));
                }
            }
            None => phone.complain(format!("{} not found: dialling waits 15 s", settings.dial_template)),
        }
    }
    if !settings.soft_keys.is_empty() && phone.fetch(&settings.soft_keys).await?.is_none() {
        phone.complain(format!("{} not found", settings.soft_keys));
    }
    Ok(())
}

fn plan(phone: &mut Phone<'_>, running: &LoadId, settings: Settings) -> Result<Plan, Ending> {
    for key in &settings.functions {
        phone.step(true, format!("button {} opens {}", key.button, key.opens));
    }
    if settings.lines.is_empty() {
        return Err(Ending::Unprovisioned { why: "Line 1 not configured: no line with featureID 9".to_owned() });
    }
    if !settings.register {
        phone.complain("registerWithProxy is not true: the phone does not register");
        return Err(Ending::NotRegistered);
    }
    let (mac, model) = (phone.setup.mac, phone.setup.model);
    // The alarm's form changed between 8.x and 9.x; both name the load.
    let alarm = if generation(phone) == Generation::V8 {
        format!("cisco-alarm:25 Name=SEP{mac} Load={running} Last=reset-reset")
    } else {
        format!("cisco-alarm:25 Name=SEP{mac} ActiveLoad={running}.loads InactiveLoad={running}.loads Last=reset-reset")
    };
    Ok(Plan {
        mac,
        device: model.device,
        from: phone.ip,
        advertised: settings.nat_address.unwrap_or_else(|| phone.ip.to_string()),
        listen: phone.setup.sip_port_override.unwrap_or(settings.listen),
        transport: if settings.tcp { Transport::Tcp } else { Transport::Udp },
        user_agent: model.user_agent(&phone.flash.release().map(|release| release.to_string()).unwrap_or_default()),
        reason: Some(format!("SIP;cause=200;text=\"{alarm}\"")),
        expires: settings.expires,
        refresh_before: settings.refresh_before,
        lines: settings.lines,
    })
}

//! The boot of a 7940/7960: the universal loader's hunt, then the SIP application's own files.
//!
//! Order, codes and waits are those of a public TFTP log of nine phones going from SCCP to SIP 8.12 and of Cisco's note
//! on CallManager Express files; older loads ask for `OS79XX.TXT` first (Cisco's firmware matrix for these phones).

use std::collections::BTreeMap;

use super::flash::{Boot, legacy as flash};
use super::model::{Family, LoadId, Protocol};
use super::sip::{Line, Plan, Server, Transport};
use super::{Ending, Phone, cnf, files};

/// Plays the boot; `Ok` is what the phone registers with.
pub(crate) async fn boot(phone: &mut Phone<'_>) -> Result<Plan, Ending> {
    loop {
        match start(phone).await {
            Ok(Some(plan)) => return Ok(plan),
            Ok(None) => {}
            Err(ending @ Ending::ApplicationInvalid { .. }) => phone.again(ending).await?,
            Err(ending) => return Err(ending),
        }
    }
}

/// One start; `None` = the phone restarted with something new in its flash.
async fn start(phone: &mut Phone<'_>) -> Result<Option<Plan>, Ending> {
    let wanted = if phone.flash.has_universal_loader() { hunt(phone).await? } else { os79xx(phone).await? };
    if let Some(wanted) = wanted
        && flash::change(phone, &wanted).await?
    {
        return Ok(None);
    }
    let Some(running) = phone.running() else {
        return Err(Ending::ApplicationInvalid { why: "no file names a load".to_owned() });
    };
    if running.protocol() != Some(Protocol::Sip) {
        if phone.flash.has_universal_loader() {
            sccp_application(phone).await?;
        } else if let Some(wanted) = old_sccp_application(phone, &running).await?
            && flash::change(phone, &wanted).await?
        {
            return Ok(None);
        }
        return Err(match phone.refused.pop() {
            Some((load, why)) => Ending::RejectedLoad { load, runs: running.to_string(), why },
            None => Ending::StaysOnLoad { load: running.to_string() },
        });
    }
    let values = application(phone).await?;
    if let Some(load) = values.get("image_version").filter(|v| is_set(v))
        && !load.eq_ignore_ascii_case(running.as_str())
    {
        phone.complain(format!("Load id different: {load} is wanted, {running} runs"));
        if flash::change(phone, load).await? {
            return Ok(None);
        }
    }
    plan(phone, &values).map(Some)
}

/// The loader's hunt, in its fixed order; the load it is sent to, if any.
async fn hunt(phone: &mut Phone<'_>) -> Result<Option<String>, Ending> {
    let mac = phone.setup.mac;
    // Whatever this holds does no harm: empty and one-byte files are in use in the field.
    phone.fetch(&format!("CTLSEP{mac}.tlv")).await?;
    let name = format!("SEP{mac}.cnf.xml");
    if let Some(bytes) = phone.fetch(&name).await? {
        return files::sep_load(&bytes).map_err(|why| Ending::Refused { file: name, complaints: vec![why] });
    }
    let name = format!("SIP{mac}.cnf");
    if let Some(bytes) = phone.fetch(&name).await? {
        return Ok(image_version(&bytes));
    }
    if phone.fetch(&format!("MGC{mac}.cnf")).await?.is_some() {
        return Ok(None);
    }
    let name = "XMLDefault.cnf.xml";
    if let Some(bytes) = phone.fetch(name).await? {
        return match files::xml_default(&bytes, &phone.setup.model) {
            Ok(default) => Ok(default.load),
            Err(complaints) => Err(Ending::Refused { file: name.to_owned(), complaints }),
        };
    }
    Ok(phone.fetch("SIPDefault.cnf").await?.and_then(|bytes| image_version(&bytes)))
}

/// A load from before the universal loader asks for `OS79XX.TXT` first; the load it is sent to, if any.
async fn os79xx(phone: &mut Phone<'_>) -> Result<Option<String>, Ending> {
    let Some(bytes) = phone.fetch("OS79XX.TXT").await? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    // Only the line end is taken off: a trailing blank becomes part of the name that is asked for (CSCdv19260).
    let named = text.lines().next().unwrap_or_default();
    let running = phone.running().map(|load| load.as_str().to_owned()).unwrap_or_default();
    // Signed loads compare the first four characters, protocol and all; older ones follow any other name.
    let start = |name: &str| name.get(..4).map(str::to_ascii_uppercase);
    let other = match phone.flash.boot() {
        Some(Boot::Signed) => start(named) != start(&running),
        _ => !named.eq_ignore_ascii_case(&running),
    };
    Ok((other && !named.is_empty()).then(|| named.to_owned()))
}

/// What an SCCP application of an old load asks for; the load it is sent to, if any. Before 3.0 it reads no XML.
async fn old_sccp_application(phone: &mut Phone<'_>, running: &LoadId) -> Result<Option<String>, Ending> {
    if running.version().first().is_some_and(|major| *major >= 3) {
        let name = format!("SEP{}.cnf.xml", phone.setup.mac);
        if let Some(bytes) = phone.fetch(&name).await? {
            return files::sep_load(&bytes).map_err(|why| Ending::Refused { file: name, complaints: vec![why] });
        }
        if let Some(bytes) = phone.fetch("XMLDefault.cnf.xml").await? {
            return Ok(files::xml_default(&bytes, &phone.setup.model).ok().and_then(|default| default.load));
        }
    }
    phone.fetch("SEPDefault.cnf").await?;
    Ok(None)
}

/// What an SCCP application asks for after its loader; what it then does is not SIP.
async fn sccp_application(phone: &mut Phone<'_>) -> Result<(), Ending> {
    let mac = phone.setup.mac;
    phone.fetch(&format!("CTLSEP{mac}.tlv")).await?;
    if phone.fetch(&format!("SEP{mac}.cnf.xml")).await?.is_none() {
        phone.fetch("XMLDefault.cnf.xml").await?;
    }
    Ok(())
}

/// The SIP application's files; the settings as they stand afterwards.
async fn application(phone: &mut Phone<'_>) -> Result<BTreeMap<String, String>, Ending> {
    let mut values = BTreeMap::new();
    match phone.fetch("SIPDefault.cnf").await? {
        Some(bytes) => merge(phone, &mut values, "SIPDefault.cnf", &bytes, ["W210", "W310"]),
        None => phone.complain("W210 TFTP Error: SIPDefault.cnf not found"),
    }
    let folder = values.get("tftp_cfg_dir").filter(|v| is_set(v)).cloned().unwrap_or_default();
    let name = format!("{folder}SIP{}.cnf", phone.setup.mac);
    let Some(bytes) = phone.fetch(&name).await? else {
        phone.complain(format!("W220 TFTP Error: {name} not found"));
        return Err(Ending::Unprovisioned { why: format!("{name} is not served; it is asked for again every 31 s") });
    };
    merge(phone, &mut values, &name, &bytes, ["W220", "W320"]);
    if let Some(bytes) = phone.fetch("RINGLIST.DAT").await? {
        for why in files::ring_list(&bytes) {
            phone.complain(format!("RINGLIST.DAT {why}"));
        }
    }
    if let Some(template) = values.get("dial_template").filter(|v| is_set(v)) {
        let name = format!("{template}.xml");
        match phone.fetch(&name).await? {
            Some(bytes) => {
                for why in files::dial_template(&bytes, Family::Legacy) {
                    phone.complain(format!("W330 {name}: {why}"));
                }
            }
            None => phone.complain(format!("W250 TFTP Error: {name} not found")),
        }
    }
    Ok(values)
}

fn merge(phone: &mut Phone<'_>, values: &mut BTreeMap<String, String>, name: &str, bytes: &[u8], codes: [&str; 2]) {
    let [transfer, parsing] = codes;
    match cnf::parse(bytes) {
        Ok(parsed) => {
            if !parsed.complaints.is_empty() {
                let list: Vec<String> =
                    parsed.complaints.iter().map(|c| format!("line {}: {}", c.line, c.what)).collect();
                phone.complain(format!("{parsing} {} Error(s) Parsing: {name}: {}", list.len(), list.join("; ")));
            }
            values.extend(parsed.values);
        }
        Err(full) => phone.complain(format!("{transfer} TFTP Error: {name}: {full}")),
    }
}

/// Reads one setting of a file for the loader, which knows nothing else of it.
fn image_version(bytes: &[u8]) -> Option<String> {
    cnf::parse(bytes).ok()?.values.remove("image_version").filter(|v| is_set(v))
}

fn is_set(value: &str) -> bool {
    !value.is_empty() && value != "UNPROVISIONED"
}

/// What to register, from the settings.
fn plan(phone: &mut Phone<'_>, values: &BTreeMap<String, String>) -> Result<Plan, Ending> {
    let text = |name: &str| values.get(name).filter(|v| is_set(v)).cloned();
    // A number set to "" is 0, and 0 is what the phone then uses.
    let number = |name: &str, default: u32| values.get(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let port = |name: &str| u16::try_from(number(name, 5060)).unwrap_or(5060);
    let first_auth = text("line1_authname");
    let mut lines = Vec::new();
    for n in 1..=phone.setup.model.keys {
        let Some(user) = text(&format!("line{n}_name")) else { continue };
        let Some(address) = text(&format!("proxy{n}_address")) else {
            phone.complain(format!("W362 No Valid Line: line {n} has no proxy{n}_address"));
            continue;
        };
        let servers: Vec<Server> = if address == "USECALLMANAGER" {
            (1..=5)
                .filter_map(|m| {
                    let host = text(&format!("call_manager{m}_addr"))?;
                    Some(Server { host, port: port(&format!("call_manager{m}_sip_port")) })
                })
                .collect()
        } else {
            vec![Server { host: address, port: port(&format!("proxy{n}_port")) }]
        };
        let outbound = text("outbound_proxy").map(|host| Server { host, port: port("outbound_proxy_port") });
        lines.push(Line {
            button: n,
            auth: text(&format!("line{n}_authname")).or_else(|| first_auth.clone()),
            password: text(&format!("line{n}_password")),
            contact: text(&format!("line{n}_contact")).unwrap_or_else(|| user.clone()),
            user,
            servers,
            outbound,
        });
    }
    if lines.is_empty() {
        return Err(Ending::Unprovisioned { why: "no line has a name and a proxy".to_owned() });
    }
    if number("proxy_register", 0) == 0 {
        phone.complain("proxy_register is not 1: the phone does not register");
        return Err(Ending::NotRegistered);
    }
    let nat = (number("nat_enable", 0) == 1).then(|| text("nat_address")).flatten();
    Ok(Plan {
        mac: phone.setup.mac,
        device: phone.setup.model.device,
        from: phone.ip,
        advertised: nat.unwrap_or_else(|| phone.ip.to_string()),
        listen: phone.setup.sip_port_override.unwrap_or_else(|| port("voip_control_port")),
        transport: Transport::Udp,
        // The first number only, whatever the maintenance release: a phone on 8.12 says 8.0.
        user_agent: {
            let major = phone.running().and_then(|l| l.version().first().copied()).unwrap_or(8);
            phone.setup.model.user_agent(&format!("{major}.0"))
        },
        reason: None,
        expires: number("timer_register_expires", 3600),
        refresh_before: number("timer_register_delta", 5),
        lines,
    })
}

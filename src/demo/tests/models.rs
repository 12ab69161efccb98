//! Every scripted phone with the files that the catalogue and the renderer make for its model. Two writings of the same
//! facts meet here: what a phone is in `simulate`, and what it is in the catalogue.

use std::collections::BTreeMap;

use super::{JAVA, LEGACY, Server, play, setup, stand_in};
use crate::catalog::{Catalog, Family};
use crate::demo::registrar::StandIn;
use crate::domain::{Line, Load, Phone, PhoneOptions, Secret};
use crate::render::{Site, file_names, render};
use crate::simulate::model::{self, MODELS};
use crate::simulate::{Ending, boot};

/// The accounts that [`stand_in`] knows.
fn line(button: u8, extension: &str, pbx: &StandIn) -> Line {
    Line {
        button,
        extension: extension.parse().unwrap(),
        label: extension.to_owned(),
        display_name: "Ada".to_owned(),
        sip_user: extension.to_owned(),
        auth_user: extension.to_owned(),
        secret: Secret::new(format!("pw{extension}")),
        voicemail: Some("*97".to_owned()),
        port: pbx.sip.port(),
    }
}

/// The files made for a phone of this model with this load in it, by the names it asks for.
fn files(name: &str, load: &str, lines: &[Line]) -> BTreeMap<String, Vec<u8>> {
    let catalog = Catalog::builtin();
    let model = catalog.find(name).unwrap();
    let load = Load::parse(load).unwrap();
    let site = Site {
        server: "127.0.0.1".parse().unwrap(),
        registrar: "127.0.0.1".to_owned(),
        options: PhoneOptions::default(),
        year: 2026,
    };
    let phone = Phone {
        mac: if model.family == Family::Legacy { LEGACY } else { JAVA }.parse().unwrap(),
        model: model.name.clone(),
        description: String::new(),
        lines: lines.to_vec(),
        left_out: Vec::new(),
        options: PhoneOptions { language: Some("de_DE".to_owned()), ..PhoneOptions::default() },
        transport: model.default_transport(Some(&load)),
        load: Some(load),
        offered_load: None,
    };
    let made = |kind| render(kind, Some((&phone, model.as_ref())), &site).unwrap().to_vec();
    file_names(model, phone.mac).into_iter().map(|(kind, name)| (name, made(kind))).collect()
}

/// Loads of each generation that a scripted phone runs.
fn loads(phone: &model::Model) -> Vec<String> {
    // Families of images: the twins and the six-line phones run their smaller sisters' loads.
    let family = match phone.name {
        "7940" | "7960" => return vec!["P0S3-8-12-00".to_owned()],
        "7906" | "7911" => "11",
        "7931" => "31",
        "7941" | "7941G-GE" | "7961" | "7961G-GE" => "41",
        "7942" | "7962" => "42",
        "7945" | "7965" => "45",
        "7970" | "7971G-GE" => "70",
        "7975" => "75",
        other => panic!("which loads does a {other} run?"),
    };
    vec![format!("SIP{family}.8-5-4S"), format!("SIP{family}.9-4-2SR3-1S")]
}

#[test]
fn two_writings_of_each_model_agree() {
    let catalog = Catalog::builtin();
    for phone in MODELS {
        let model = catalog.find(phone.name).unwrap();
        let said = (model.name.as_str(), u16::from(model.lines), model.device_number);
        assert_eq!(said, (phone.name, phone.keys, phone.device));
        assert_eq!(model.family == Family::Legacy, phone.family == model::Family::Legacy, "{}", phone.name);
        let class = String::from_utf8(phone.vendor_class()).unwrap();
        assert_eq!(catalog.by_vendor_class(&class).map(|m| &m.name), Some(&model.name), "{class:?}");
        let agent = phone.user_agent("9.4.2");
        assert_eq!(catalog.by_user_agent(&agent).map(|m| &m.name), Some(&model.name), "{agent}");
        if phone.family == model::Family::Java {
            assert_eq!(model.term, Some(format!("term{}.default.loads", phone.term)), "{}", phone.name);
            assert_eq!(model.locale_jar, Some(format!("{}-sip.jar", phone.locale)), "{}", phone.name);
        }
        for load in loads(phone) {
            assert!(catalog.by_load(&Load::parse(&load).unwrap()).any(|m| m.name == model.name), "{load}");
        }
        // What people write leads both to the same phone.
        for spelling in &model.spellings {
            assert_eq!(spelling.parse::<model::Model>().unwrap().name, phone.name, "{spelling}");
        }
    }
}

#[tokio::test]
async fn every_model_takes_its_files_and_registers() {
    for phone in MODELS {
        for load in loads(phone) {
            let pbx = stand_in().await;
            let extensions = ["1001", "1002"].into_iter().zip(1..=phone.keys.min(2));
            let lines: Vec<_> =
                extensions.map(|(extension, button)| line(u8::try_from(button).unwrap(), extension, &pbx)).collect();
            let mac = if phone.family == model::Family::Legacy { LEGACY } else { JAVA };
            let files = files(phone.name, &load, &lines);
            let (outcome, asked) = play(phone.name, mac, &format!("sip:{load}"), files).await;
            assert_eq!(outcome.ending, Ending::Registered, "{} {load}: {outcome:?}", phone.name);
            assert_eq!(outcome.lines.len(), lines.len(), "{} {load}", phone.name);
            if phone.family == model::Family::Java {
                let jar = match phone.name {
                    "7906" | "7911" => "tc",
                    "7931" => "gp",
                    "7945" | "7965" => "be",
                    "7970" | "7971G-GE" | "7975" => "td",
                    _ => "mk",
                };
                let order = [
                    format!("CTLSEP{mac}.tlv"),
                    format!("ITLSEP{mac}.tlv"),
                    "ITLFile.tlv".to_owned(),
                    format!("SEP{mac}.cnf.xml"),
                    format!("German_Germany/{jar}-sip.jar"),
                    "Germany/g3-tones.xml".to_owned(),
                    "dialplan.xml".to_owned(),
                ];
                assert_eq!(asked, order, "{} {load}", phone.name);
            }
        }
    }
}

/// The phone itself would discard the whole file: a second line on a one-line phone must never be in it.
#[tokio::test]
async fn a_line_beyond_the_keys_is_not_in_the_file() {
    let pbx = stand_in().await;
    let two = [line(1, "1001", &pbx), line(2, "1002", &pbx)];
    for name in ["7906", "7911"] {
        let (outcome, _) = play(name, JAVA, "sip:SIP11.9-4-2SR3-1S", files(name, "SIP11.9-4-2SR3-1S", &two)).await;
        assert_eq!(outcome.ending, Ending::Registered, "{outcome:?}");
        assert_eq!(outcome.lines.iter().map(|line| line.user.as_str()).collect::<Vec<_>>(), ["1001"]);
        // The file of a phone with two keys, which is what a wrong model in the PBX makes of it.
        let (outcome, _) = play(name, JAVA, "sip:SIP11.9-4-2SR3-1S", files("7941", "SIP11.9-4-2SR3-1S", &two)).await;
        let Ending::Refused { complaints, .. } = &outcome.ending else { panic!("{outcome:?}") };
        assert_eq!(complaints, &["line button is not 1 to 1"]);
    }
}

/// Twins run the same loads and take each other's files; only what they say of themselves differs.
#[tokio::test]
async fn a_twin_with_the_others_file_registers_under_its_own_name() {
    for (phone, stated) in [("7941-GE", "7941"), ("7961", "7961-GE")] {
        let pbx = stand_in().await;
        let files = files(stated, "SIP41.9-4-2SR3-1S", &[line(1, "1001", &pbx)]);
        let (outcome, _) = play(phone, JAVA, "sip:SIP41.9-4-2SR3-1S", files).await;
        assert_eq!(outcome.ending, Ending::Registered, "{outcome:?}");
    }
}

#[tokio::test]
async fn an_erased_phone_asks_for_the_term_file_of_its_model() {
    let catalog = Catalog::builtin();
    for (name, file) in [
        ("7906", "term06.default.loads"),
        ("7931", "term31.default.loads"),
        ("7941-GE", "term41.default.loads"),
        ("7961-GE", "term61.default.loads"),
        ("7965", "term65.default.loads"),
        ("7971", "term71.default.loads"),
    ] {
        let (outcome, asked) = play(name, JAVA, "factory", BTreeMap::new()).await;
        assert_eq!(outcome.ending, Ending::NotServed { file: file.to_owned() });
        assert_eq!(asked, [file]);
        let model = catalog.find(name).unwrap();
        assert!(catalog.by_term(&asked[0]).any(|candidate| candidate.name == model.name));
    }
}

#[tokio::test]
async fn a_7931_finds_what_it_has_no_fixed_keys_for() {
    let steps = std::sync::Mutex::new(Vec::new());
    let pbx = stand_in().await;
    let server = Server::start(files("7931", "SIP31.9-2-1S", &[line(22, "1002", &pbx)])).await.address;
    let setup = setup("7931", JAVA, "sip:SIP31.9-2-1S", server);
    let outcome = boot(&setup, |step| steps.lock().unwrap().push(step.what)).await;
    assert_eq!(outcome.ending, Ending::Registered, "{outcome:?}");
    let steps = steps.into_inner().unwrap();
    let opened: Vec<_> = steps.iter().filter(|step| step.contains(" opens ")).collect();
    assert_eq!(opened, ["button 21 opens messages", "button 23 opens applications", "button 24 opens headset"]);
}

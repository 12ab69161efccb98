//! Vendor classes (option 60): which phone speaks, if a phone does.

use crate::domain::ModelName;

/// What a vendor class says of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// A phone that offhook serves; its model, where it says one.
    Phone(Option<ModelName>),
    /// Something else: a computer, a network boot, a phone of another kind.
    Other,
    /// Nothing was said.
    Silent,
}

/// What phones write before their model [WAZO]. Loads older than the universal loader, and some loaders, write no model.
const PHONE: &[&str] = &["Cisco Systems, Inc. IP Phone", "Cisco Systems Inc. Wireless Phone"];

/// A 6901 says no more than this [WAZO].
const BARE: &str = "Cisco Systems, Inc.";

/// Phones with a firmware of another kind, which read other files (settled in the references: no SEP phones).
const OTHER_FIRMWARE: &str = "-3PCC";

/// Reads option 60. Many phones end it with a NUL, some do not [WAZO]; what comes after one is not read.
pub fn vendor(class: Option<&[u8]>) -> Vendor {
    let Some(class) = class.filter(|class| !class.is_empty()) else { return Vendor::Silent };
    let text = class.split(|octet| *octet == 0).next().and_then(|text| std::str::from_utf8(text).ok());
    let Some(text) = text.map(str::trim) else { return Vendor::Other };
    if text == BARE {
        return Vendor::Phone(None);
    }
    let model = PHONE.iter().find_map(|phone| text.strip_prefix(phone)).map(str::trim);
    match model {
        Some("") => Vendor::Phone(None),
        Some(model) if is_model(model) => Vendor::Phone(Some(ModelName::new(model))),
        Some(_) | None => Vendor::Other,
    }
}

fn is_model(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain && text.len() <= 20 && !text.ends_with(OTHER_FIRMWARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(class: &[u8]) -> Option<String> {
        match vendor(Some(class)) {
            Vendor::Phone(model) => Some(model.map_or_else(String::new, |model| model.to_string())),
            Vendor::Other | Vendor::Silent => None,
        }
    }

    #[test]
    fn phones_say_which_they_are() {
        for (class, expected) in [
            (&b"Cisco Systems, Inc. IP Phone CP-7940G\0"[..], Some("7940")),
            (b"Cisco Systems, Inc. IP Phone CP-7960\0", Some("7960")),
            (b"Cisco Systems, Inc. IP Phone\0", Some("")),
            (b"Cisco Systems, Inc. IP Phone 7912", Some("7912")),
            (b"Cisco Systems, Inc. IP Phone CP-7941G-GE\0", Some("7941G-GE")),
            (b"Cisco Systems, Inc. IP Phone CP-7965G\0", Some("7965")),
            (b"Cisco Systems, Inc. IP Phone CP-8945", Some("8945")),
            (b"Cisco Systems, Inc. IP Phone CP-8851-3PCC\0", None),
            (b"Cisco Systems, Inc.", Some("")),
            (b"Cisco Systems Inc. Wireless Phone 7921", Some("7921")),
            (b"PXEClient:Arch:00000:UNDI:002001", None),
            (b"MSFT 5.0", None),
            (b"Cisco Systems, Inc. IP Phone CP-79\n60", None),
            (&[b'x'; 255], None),
            (&[0xff, 0xfe], None),
        ] {
            assert_eq!(model(class).as_deref(), expected, "{}", String::from_utf8_lossy(class));
        }
        assert_eq!((vendor(None), vendor(Some(b""))), (Vendor::Silent, Vendor::Silent));
    }
}

//! What each phone puts into its requests. Data; what no source tells is marked *unverified*, and a server must not
//! depend on it.

use crate::domain::MacAddr;
use crate::simulate::flash::{Boot, Flash};
use crate::simulate::model::{Family, Model};

/// A vendor class without a model: loads older than the universal loader [SINGLE][WAZO], and a boot loader as it was seen
/// once [WAZO] (of which model is unverified).
const NO_MODEL: &[u8] = b"Cisco Systems, Inc. IP Phone\0";

/// Option 55 of SIP 8.12, in its order [FW812]: mask, TFTP server name, DNS, router, domain, TFTP servers, ARP timeout, 151.
const LEGACY: &[u8] = &[1, 66, 6, 3, 15, 150, 35, 151];

/// Option 55 of Java phones: that 66 and 150 are among them is known of the 7945's boot loader [R7945]; the others and the
/// order are unverified.
const JAVA: &[u8] = &[1, 66, 6, 3, 15, 150, 35];

/// What a phone says of itself, and how it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Option 60, with the NUL at its end.
    pub vendor_class: Vec<u8>,
    /// Option 55.
    pub parameters: &'static [u8],
    /// Option 12; unverified.
    pub host_name: String,
    /// Whether option 61 is sent: hardware type and MAC; unverified.
    pub client_id: bool,
    /// The broadcast flag, seen on a 7960 [TEO]; on Java phones unverified.
    pub broadcast: bool,
    /// Asked for its old address and not answered, it asks for nothing else: seen on a 7945's boot loader [R7945].
    pub insists: bool,
}

/// The habits of a model with that in its flash.
pub fn habits(model: &Model, flash: &Flash, mac: MacAddr) -> Habits {
    let names_itself = match flash {
        Flash::Legacy { boot, .. } => matches!(boot, Boot::Universal { .. }),
        Flash::Java { app } => app.is_some(),
    };
    let sip = flash.load().is_some_and(|load| load.protocol() == Some(crate::simulate::Protocol::Sip));
    let prefix = if model.family == Family::Legacy && sip { "SIP" } else { "SEP" };
    Habits {
        vendor_class: if names_itself { model.vendor_class() } else { NO_MODEL.to_vec() },
        parameters: if model.family == Family::Legacy { LEGACY } else { JAVA },
        host_name: format!("{prefix}{mac}"),
        client_id: true,
        broadcast: true,
        insists: matches!(flash, Flash::Java { app: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_say_of_themselves() {
        for (model, state, class, name, insists) in [
            ("7960", "sip:P0S3-8-12-00", "Cisco Systems, Inc. IP Phone CP-7960G\0", "SIP", false),
            ("7940", "sccp:P00308000900", "Cisco Systems, Inc. IP Phone CP-7940G\0", "SEP", false),
            ("7940", "loader", "Cisco Systems, Inc. IP Phone CP-7940G\0", "SEP", false),
            ("7960", "sccp:P00305000200", "Cisco Systems, Inc. IP Phone\0", "SEP", false),
            ("7960", "sip:P0S3-06-3-00", "Cisco Systems, Inc. IP Phone\0", "SIP", false),
            ("7941G-GE", "sip:SIP41.9-4-2SR3-1S", "Cisco Systems, Inc. IP Phone CP-7941G-GE\0", "SEP", false),
            ("7945", "factory", "Cisco Systems, Inc. IP Phone\0", "SEP", true),
        ] {
            let model: Model = model.parse().unwrap();
            let flash = Flash::of(&model, &state.parse().unwrap());
            let habits = habits(&model, &flash, "001B54AABB01".parse().unwrap());
            assert_eq!(String::from_utf8(habits.vendor_class).unwrap(), class, "{model} {state}");
            assert_eq!(habits.host_name, format!("{name}001B54AABB01"), "{model} {state}");
            assert_eq!(habits.insists, insists, "{model} {state}");
            assert!(habits.parameters.contains(&66) && habits.parameters.contains(&150), "{model} {state}");
        }
    }
}

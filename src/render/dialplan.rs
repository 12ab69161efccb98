//! `dialplan.xml`: when the phone stops waiting for more digits.
//!
//! One file for both families: root and attribute spelling are the ones that legacy phones document [AG67 p3-23] and
//! Java phones take as well [UCM-DIAL][SIPCC]. `.` is one key, `*` one or more, `\*` the star key; the longest match
//! wins.

use askama::Template;
use bytes::Bytes;

use crate::catalog::is_emergency;
use crate::domain::PhoneOptions;

use super::RenderError;
use super::xml::{Xml, whole};

#[derive(Template)]
#[template(path = "phone/dialplan.xml", escape = "none")]
struct DialPlan {
    emergency: Vec<Xml>,
}

/// Emergency numbers at once, feature codes after a short wait, the rest after a longer one. An emergency number that is
/// no plain number is left out: its characters would be a pattern.
pub(super) fn dial_plan(options: &PhoneOptions) -> Result<Bytes, RenderError> {
    let mut numbers: Vec<&String> = options.emergency.iter().flatten().filter(|n| is_emergency(n)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let view = DialPlan { emergency: numbers.into_iter().map(|number| Xml::new(number)).collect() };
    Ok(whole(view.render()?))
}

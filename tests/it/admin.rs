//! The harness itself: what it writes as the PBX's administrator is what a real Asterisk takes.

use crate::support::clients::sipp_registers;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, phone_address, wait_for};

#[test]
fn a_secret_is_live_after_apply_and_not_before() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("sipp")]) {
        return;
    }
    let pbx = Pbx::real();
    pbx.add_extension("1001", "Böb \"R&D\" <x>", "first");
    pbx.apply();
    let from = phone_address();
    wait_for("the extension", || match pbx.asterisk().cli("pjsip show endpoint 1001") {
        shown if shown.contains("force_rport") => Ok(()),
        shown => Err(shown),
    });
    assert!(sipp_registers(pbx.asterisk(), "1001", "first", from));
    assert!(pbx.asterisk().has_contact("1001"));
    pbx.set_secret("1001", "second");
    assert!(!sipp_registers(pbx.asterisk(), "1001", "second", from));
    pbx.apply();
    wait_for("the new secret", || {
        sipp_registers(pbx.asterisk(), "1001", "second", from).then_some(()).ok_or(String::new())
    });
    assert!(!sipp_registers(pbx.asterisk(), "1001", "first", from));
}

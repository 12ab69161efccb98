//! The credentials in the rendered files are good: a user agent that is not ours registers with them.

use crate::support::clients::{credentials_in_cnf, credentials_in_xml, sipp_registers};
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, phone_address};

#[test]
fn a_foreign_user_agent_registers_with_what_the_files_say() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("sipp"), Component::Program("curl")]) {
        return;
    }
    // Characters that both formats can carry; the last secret's end is what Asterisk never sees.
    let cases = [("1001", "plain1234"), ("1002", "w#x'y=:,@/?!"), ("1003", " blanks "), ("1004", "visible;hidden")];
    let pbx = Pbx::real();
    for (extension, secret) in cases {
        pbx.add_extension(extension, "Ada Lovelace", secret);
    }
    for (at, (extension, _)) in cases.iter().enumerate() {
        pbx.add_phone(&format!("00087D0B000{at}"), "7960", &[extension]);
        pbx.add_phone(&format!("001B54AACC0{at}"), "7942", &[extension]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (at, (extension, _)) in cases.iter().enumerate() {
        let cnf = daemon.wait_for_file(&format!("SIP00087D0B000{at}.cnf"), "given its line", |file| {
            !credentials_in_cnf(file).is_empty()
        });
        let xml = daemon.wait_for_file(&format!("SEP001B54AACC0{at}.cnf.xml"), "given its line", |file| {
            !credentials_in_xml(file).is_empty()
        });
        for (user, secret) in [credentials_in_cnf(&cnf), credentials_in_xml(&xml)].concat() {
            assert_eq!(user, *extension);
            assert!(
                sipp_registers(pbx.asterisk(), &user, &secret, phone_address()),
                "{extension}: {secret:?} is refused"
            );
        }
    }
    daemon.stop();
}

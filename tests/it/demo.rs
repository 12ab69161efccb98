//! The demonstration, as it is told to newcomers: phones on SCCP, in the loader and after a factory reset end registered.

use std::process::Command;

use crate::support::text;

#[test]
fn every_phone_of_the_demo_is_converted_and_registered() {
    let output = Command::new(env!("CARGO_BIN_EXE_offhook")).args(["demo", "--once"]).output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    for step in [
        "firmware add: ",
        "-> P00305000500 -> P00308000900 -> P0S3-8-12-00",
        "its flash: loader",
        "its flash: factory",
        "runs SIP45.9-4-2SR3-1S",
    ] {
        assert!(said.contains(step), "{step}: {said}");
    }
    let registered =
        said.lines().filter(|line| line.contains("offhook_status") && line.contains(" registered ok")).count();
    assert_eq!(registered, 4, "{said}");
}

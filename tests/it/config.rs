//! Configurations that cannot be used: exit 2, one sentence that names the file and what to do.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::support::daemon::{Site, offhook};
use crate::support::pbx::Pbx;
use crate::support::{run, text};

/// The one-line errors of the program among what it wrote to standard error.
fn errors(stderr: &[u8]) -> String {
    text(stderr).lines().filter(|line| line.starts_with("offhook: ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_file() {
    let output = run(&mut offhook(["--config", "/nonexistent/offhook.toml", "serve"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output.stderr).contains("/nonexistent/offhook.toml"), "{}", text(&output.stderr));
}

#[test]
fn a_file_that_cannot_be_read() {
    // A link to itself cannot be read by root either.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offhook.toml");
    symlink(&file, &file).unwrap();
    let output = run(&mut offhook(["--config", file.to_str().unwrap(), "serve"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output.stderr).contains(file.to_str().unwrap()), "{}", text(&output.stderr));
}

#[test]
fn a_password_that_everyone_can_read() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    site.configure(&site.configuration().replace("address = \"\"", "address = \"127.0.0.1:1\"\nsecret = \"CANARY-x\""));
    fs::set_permissions(site.file(), fs::Permissions::from_mode(0o644)).unwrap();
    let output = site.refused();
    assert_eq!(output.status.code(), Some(2));
    let errors = errors(&output.stderr);
    assert!(errors.contains(site.file().to_str().unwrap()), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("CANARY") && !text(&output.stdout).contains("CANARY"));
}

#[test]
fn every_problem_is_in_one_report() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let broken = site.configuration().replace("[tftp]\n", "[tftp]\nno_such_key = 1\n").replace("\"200ms\"", "\"soon\"");
    site.configure(&broken);
    let output = site.refused();
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("no_such_key") && said.contains("poll_interval"), "{said}");
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    assert_eq!(run(&mut offhook(["frobnicate"])).status.code(), Some(2));
}

#[test]
fn no_daemon_is_exit_4() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let output = run(&mut site.command(&["phones", "list"]));
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert!(errors(&output.stderr).contains("api.sock"), "{}", text(&output.stderr));
}

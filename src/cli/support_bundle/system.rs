//! What the host says of itself: versions, the service, the log. Each program has a moment to answer.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Lines of the log, and octets of them at most: the last ones.
const LINES: &str = "5000";
const OCTETS: usize = 4 << 20;

/// Where FreePBX's own module says its version.
const FRAMEWORK: &str = "/var/www/html/admin/modules/framework/module.xml";

/// The host's name, fit for a file's.
pub(super) fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let name: String = name.chars().take(40).map(fit).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

/// One line each.
pub(super) async fn versions(daemon: Option<&str>) -> String {
    let uname = rustix::system::uname();
    let kernel = format!(
        "{} {} {}",
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy(),
        uname.machine().to_string_lossy()
    );
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let release = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).map(|name| name.trim_matches('"'));
    let freepbx = fs::read_to_string(FRAMEWORK).ok();
    let freepbx = freepbx.as_ref().and_then(|xml| xml.split("<version>").nth(1)?.split('<').next());
    let asterisk = run("asterisk", &["-V"]).await;
    let rows = [
        ("offhook (command line)", env!("CARGO_PKG_VERSION").to_owned()),
        ("offhook (daemon)", daemon.unwrap_or("it did not answer").to_owned()),
        ("kernel", kernel),
        ("system", release.unwrap_or("unknown").to_owned()),
        ("Asterisk", asterisk.map_or_else(|why| why, |said| said.trim().to_owned())),
        ("FreePBX", freepbx.unwrap_or("none that was found").to_owned()),
    ];
    rows.map(|(what, version)| format!("{what}: {version}\n")).concat()
}

/// What systemd says of the service.
pub(super) async fn service() -> String {
    let what = "LoadState,ActiveState,SubState,Result,ExecMainStatus,ExecMainCode,NRestarts,ActiveEnterTimestamp,\
                InactiveEnterTimestamp,MemoryCurrent,FragmentPath,DropInPaths";
    run("systemctl", &["show", "offhook", "--property", what]).await.unwrap_or_else(|why| format!("{why}\n"))
}

/// The last lines of the daemon's log.
///
/// # Errors
/// Why there are none, in one sentence.
pub(super) async fn log() -> Result<Vec<u8>, String> {
    let log = run("journalctl", &["-u", "offhook", "-n", LINES, "--no-pager", "-q", "-o", "short-iso"]).await?;
    if log.trim().is_empty() {
        return Err("journald has no line of offhook, or you may not read them (be root)".to_owned());
    }
    let from = log.len().saturating_sub(OCTETS);
    let from = log
        .as_bytes()
        .iter()
        .skip(from)
        .position(|octet| *octet == b'\n')
        .filter(|_| from > 0)
        .map_or(from, |end| from + end + 1);
    Ok(log.as_bytes().get(from..).unwrap_or_default().to_vec())
}

/// What a program prints.
async fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Err(_) => return Err(format!("{program} did not answer within {} s", PATIENCE.as_secs())),
        Ok(Err(why)) => return Err(format!("{program} could not be run: {why}")),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} ended with {}: {}", output.status, said.lines().next().unwrap_or_default()))
}

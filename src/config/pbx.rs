//! `[pbx]`: from as written to as used.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::validate::{Report, duration, host_like, optional, reachable, transport};
use super::wire::OneOrMany;
use super::{DatabaseUrl, Pbx, PbxSource, wire};
use crate::domain::Secret;

const SOURCES: &[&str] = &["freepbx", "realtime", "files", "ami", "api", "sqlite", "static"];

pub(super) fn validate(report: &mut Report, wire: &wire::Pbx) -> Option<Pbx> {
    let names = match &wire.source {
        None => {
            report.add("pbx.source", "has no default; say where the extensions are: \"freepbx\" or \"sqlite\"");
            return None;
        }
        Some(OneOrMany::One(name)) => vec![name.clone()],
        Some(OneOrMany::Many(names)) => names.clone(),
    };
    let source = match names.as_slice() {
        [name] if name == "freepbx" => match wire.database_url.as_str() {
            "auto" => Some(PbxSource::FreePbx(None)),
            url if url.starts_with("mysql://") || url.starts_with("mariadb://") => {
                Some(PbxSource::FreePbx(Some(DatabaseUrl(Secret::new(url)))))
            }
            _ => {
                report.add(
                    "pbx.database_url",
                    "source \"freepbx\" takes \"auto\" or mysql://user:password@host/database",
                );
                None
            }
        },
        [name] if name == "sqlite" => match wire.database_url.strip_prefix("sqlite://") {
            Some(path) if path.starts_with('/') => Some(PbxSource::Sqlite(PathBuf::from(path))),
            _ => {
                report.add("pbx.database_url", "source \"sqlite\" takes sqlite:///path/to/file");
                None
            }
        },
        [name] if SOURCES.contains(&name.as_str()) => {
            report.add("pbx.source", format!("{name:?} is not built yet; use \"freepbx\" or \"sqlite\""));
            None
        }
        [name] => {
            report.add("pbx.source", format!("{name:?} is none of {}", SOURCES.join(", ")));
            None
        }
        _ => {
            report.add("pbx.source", "a list of several sources is not built yet; name one");
            None
        }
    };
    let poll_interval = duration(report, "pbx.poll_interval", &wire.poll_interval);
    if poll_interval.is_some_and(|pause| pause < Duration::from_millis(100) || pause > Duration::from_hours(1)) {
        report.add("pbx.poll_interval", "is not between 100ms and 1h");
    }
    let sip_host = match wire.sip_host.as_str() {
        "auto" => Some(None),
        host if host_like(host) => match host.parse::<Ipv4Addr>().map(reachable) {
            Ok(Err(why)) => {
                report.add("pbx.sip_host", why);
                None
            }
            _ => Some(Some(host.to_owned())),
        },
        host => {
            report.add("pbx.sip_host", format!("{host:?} is no host name or address of at most 47 characters"));
            None
        }
    };
    let transport = match wire.transport.as_str() {
        "auto" => None,
        other => Some(transport(report, "pbx.transport", other)?),
    };
    let fail2ban_log = optional(report, "pbx.fail2ban_log", &wire.fail2ban_log);
    Some(Pbx {
        source: source?,
        poll_interval: poll_interval?,
        sip_host: sip_host?,
        sip_port: (wire.sip_port != 0).then_some(wire.sip_port),
        transport,
        fail2ban_log,
    })
}

//! What a configuration means for phones, and which changes of it need a restart.

use crate::config::Config;
use crate::fleet::Settings;
use crate::probe;

/// The part of the configuration that phones see.
pub fn settings(config: &Config, ntp_here: bool) -> Settings {
    Settings {
        server: config.server.address,
        sip_host: config.pbx.sip_host.clone(),
        sip_port: config.pbx.sip_port,
        transport: config.pbx.transport,
        options: config.phones.clone(),
        system_time_zone: jiff::tz::TimeZone::system().iana_name().map(str::to_owned),
        ntp_here,
    }
}

/// Whether phones can be told this host for the time: something answers here, or is to.
pub(super) async fn time_here(config: &Config) -> bool {
    !config.sntp.is_empty() || probe::answers_time().await
}

/// Sections that changed and are only read at start.
pub(super) fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let pbx = |c: &Config| (c.pbx.source.clone(), c.pbx.poll_interval, c.pbx.fail2ban_log.clone());
    let server = |c: &Config| (c.server.state_dir.clone(), c.server.socket.clone(), c.server.phone_networks.clone());
    let changed = [
        ("server", server(old) != server(new)),
        ("pbx", pbx(old) != pbx(new)),
        ("ami", old.ami != new.ami),
        ("tftp", old.tftp != new.tftp),
        ("http", old.http != new.http),
        ("admin", (&old.admin, &old.admin_hosts) != (&new.admin, &new.admin_hosts)),
        ("dhcp", old.dhcp != new.dhcp),
        ("sntp", old.sntp != new.sntp),
        ("syslog", old.syslog != new.syslog),
        ("discovery", old.discovery != new.discovery),
        ("publish", old.publish != new.publish),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(section, _)| section).collect()
}

//! Our part of files that are the admin's: a fenced block in `manager_custom.conf`, one line of xinetd's. Pure.
//!
//! What is between the fences is ours, all else is never touched. Syntax: Asterisk main/config.c, xinetd.conf(5).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::domain::Secret;

/// First line of the block; what follows these words on the line is prose.
const BEGIN: &str = "; offhook begin";
/// Last line.
const END: &str = "; offhook end";

/// The manager user's section in its fences. Class `system` is all that the daemon's actions and events need (PJSIP and
/// SIP lists, AstDB, NOTIFY; registrations, reloads), class `security` says why a phone is rejected; without `originate`, `command` and `config` it can make no call
/// and run nothing.
pub fn stanza(secret: &Secret) -> String {
    format!(
        "{BEGIN}: written by `offhook setup`, taken away by `offhook setup --undo`\n[offhook]\nsecret = {}\n\
         deny = 0.0.0.0/0.0.0.0\npermit = 127.0.0.1/255.255.255.255\nread = system,security\nwrite = system\n{END}\n",
        secret.expose()
    )
}

/// The block that is in a text, fences included.
pub fn block(text: &str) -> Option<&str> {
    let start = line_start(text, BEGIN)?;
    let rest = text.get(start..)?;
    let end = line_start(rest, END)?;
    let end = rest.get(end..)?.find('\n').map_or(rest.len(), |line| end + line + 1);
    rest.get(..end)
}

/// The secret that a block states.
pub fn secret(block: &str) -> Option<Secret> {
    let values = block.lines().filter_map(|line| line.split_once('='));
    values.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == "secret").map(|(_, v)| Secret::new(v))
}

/// The text with this block in place of the old one, or at its end.
pub fn with_block(text: &str, new: &str) -> String {
    match block(text) {
        Some(old) => text.replacen(old, new, 1),
        None if text.is_empty() || text.ends_with('\n') => format!("{text}{new}"),
        None => format!("{text}\n{new}"),
    }
}

/// The text without our block.
pub fn without_block(text: &str) -> String {
    block(text).map_or_else(|| text.to_owned(), |old| text.replacen(old, "", 1))
}

fn line_start(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word)
        .map(|(at, _)| at)
        .find(|at| text.get(..*at).is_some_and(|b| b.is_empty() || b.ends_with('\n')))
}

/// Whether a text has a section `[offhook]` outside our fences.
pub fn has_section(text: &str) -> bool {
    let text = without_block(text);
    text.lines().any(|line| line.trim_start().strip_prefix("[offhook]").is_some())
}

/// Whether `manager.conf` includes `manager_custom.conf`.
pub fn includes_custom(manager: &str) -> bool {
    let mut lines = manager.lines().map(str::trim_start);
    lines.any(|line| {
        (line.starts_with("#include") || line.starts_with("#tryinclude")) && line.contains("manager_custom.conf")
    })
}

/// `port` of the section `[general]`; 5038 when not stated.
pub fn manager_port(manager: &str) -> u16 {
    let general = manager.lines().map(str::trim).skip_while(|line| !line.starts_with("[general]")).skip(1);
    let mut values = general.take_while(|line| !line.starts_with('[')).filter_map(|line| {
        let (key, value) = line.split(';').next()?.split_once('=')?;
        (key.trim() == "port").then(|| value.trim_start_matches('>').trim().parse().ok()).flatten()
    });
    values.next().unwrap_or(5038)
}

/// xinetd's service, switched off: what was put in, and the line it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Off {
    /// The whole text.
    pub text: String,
    /// What was put in.
    pub block: String,
    /// The line that it replaces; empty = none.
    pub before: String,
}

/// Switches a service of xinetd off. `None` = it is off, or the text is no service.
pub fn xinetd_off(text: &str) -> Option<Off> {
    let is_disable = |line: &&str| line.split_once('=').is_some_and(|(key, _)| key.trim() == "disable");
    let old = text.split_inclusive('\n').find(is_disable);
    if old.is_some_and(|line| line.split_once('=').is_some_and(|(_, value)| value.trim() == "yes")) {
        return None;
    }
    let block = "# offhook begin: switched off by `offhook setup`, on again by `offhook setup --undo`\n\tdisable = yes\n# offhook end\n";
    let changed = if let Some(line) = old {
        text.replacen(line, block, 1)
    } else {
        let end = text.rfind('}')?;
        format!("{}{block}{}", text.get(..end)?, text.get(end..)?)
    };
    Some(Off { text: changed, block: block.to_owned(), before: old.unwrap_or_default().to_owned() })
}

/// The block that [`xinetd_off`] put in, if it is still there.
pub fn xinetd_block(text: &str) -> Option<&str> {
    let start = line_start(text, "# offhook begin")?;
    let rest = text.get(start..)?;
    let end = line_start(rest, "# offhook end")?;
    let end = rest.get(end..)?.find('\n').map_or(rest.len(), |line| end + line + 1);
    rest.get(..end)
}

/// The folder that a TFTP server's command line names: its last absolute path, as in.tftpd and atftpd have it.
pub fn served_folder<'a>(words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    words.skip(1).filter(|word| word.starts_with('/') && !word.contains("..")).last()
}

/// The IPv4 networks in what `fwconsole firewall list ZONE` prints; `None` = that is no such list.
pub fn zone(said: &str, name: &str) -> Option<Vec<Ipv4Net>> {
    let words = || said.split(|c: char| c.is_whitespace() || "',\"".contains(c));
    let network = |word: &str| word.parse().ok().or_else(|| word.parse::<Ipv4Addr>().ok().map(Ipv4Net::from));
    words().any(|word| word == name).then(|| words().filter_map(network).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> String {
        stanza(&Secret::new("s3"))
    }

    #[test]
    fn a_block_comes_and_goes_and_nothing_else_moves() {
        for before in ["", "; mine\n", "[boss]\nsecret = x\n", "[boss]\nsecret = x\n\n; tail ; offhook begin\n"] {
            let with = with_block(before, &ours());
            assert_eq!(block(&with), Some(ours().as_str()), "{before:?}");
            assert_eq!(without_block(&with), before);
            assert_eq!(with_block(&with, &stanza(&Secret::new("new"))), with.replace("s3", "new"));
            assert!(!has_section(&with), "{before:?}");
        }
        // An admin goes on below it.
        let below = format!("{}[boss]\n", ours());
        assert_eq!(without_block(&below), "[boss]\n");
        assert_eq!(with_block("no line end", &ours()), format!("no line end\n{}", ours()));
        assert_eq!(secret(&ours()), Some(Secret::new("s3")));
    }

    #[test]
    fn half_a_fence_is_no_block() {
        for text in ["; offhook begin\n[offhook]\n", "; offhook end\n", "x ; offhook begin\n; offhook end\n"] {
            assert_eq!(block(text), None, "{text:?}");
        }
        assert!(has_section("; offhook begin\n[offhook]\n"), "so it counts as the admin's own");
    }

    #[test]
    fn sections_and_settings_of_the_admin() {
        assert!(has_section("[general]\n [offhook](template)\n") && has_section("[offhook]"));
        assert!(!has_section("[offhook2]\n;[offhook]\n") && !has_section(""));
        assert!(
            includes_custom("#include manager_custom.conf") && includes_custom(" #tryinclude \"manager_custom.conf\"")
        );
        assert!(!includes_custom(";#include manager_custom.conf\n#include manager_additional.conf"));
        for (text, port) in [
            ("[general]\nenabled=yes\nport = 15038 ; not 5038\n", 15038),
            ("[general]\nport => 7\n", 7),
            ("[general]\n[x]\nport=9\n", 5038),
            ("", 5038),
            ("[general]\nport = many\n", 5038),
        ] {
            assert_eq!(manager_port(text), port, "{text:?}");
        }
    }

    #[test]
    fn xinetd_is_switched_off_and_on_to_the_byte() {
        for text in
            ["service tftp\n{\n\tsocket_type = dgram\n\tdisable = no\n}\n", "service tftp\n{\n\twait = yes\n}\n"]
        {
            let off = xinetd_off(text).unwrap();
            assert_eq!(xinetd_block(&off.text), Some(off.block.as_str()));
            assert_eq!(off.text.matches("disable").count(), 1, "{}", off.text);
            assert_eq!(off.text.replacen(&off.block, &off.before, 1), text);
            assert_eq!(xinetd_off(&off.text), None, "it is off");
        }
        assert_eq!(xinetd_off("service tftp {\n disable = yes\n}"), None);
        assert_eq!(xinetd_off("not a service"), None);
    }

    #[test]
    fn the_folder_that_was_served() {
        let of = |line: &'static str| served_folder(line.split(' '));
        assert_eq!(of("/usr/sbin/in.tftpd --listen --user tftp --address :69 --secure /srv/tftp"), Some("/srv/tftp"));
        assert_eq!(of("/usr/sbin/in.tftpd --listen"), None);
        assert_eq!(of("server_args = -s /tftpboot"), Some("/tftpboot"));
        assert_eq!(of("/usr/sbin/in.tftpd /a/../etc"), None);
    }

    #[test]
    fn what_is_in_a_zone_of_the_firewall() {
        let said = "All entries in zone 'trusted':\n\t192.168.50.0/24\n\t10.1.2.3\n\tfe80::/64\n";
        let nets: Vec<Ipv4Net> = ["192.168.50.0/24", "10.1.2.3/32"].map(|net| net.parse().unwrap()).into();
        assert_eq!(zone(said, "trusted"), Some(nets));
        assert_eq!(zone("All entries in zone 'internal':\n", "internal"), Some(Vec::new()));
        assert_eq!(zone("Firewall is not running\n", "trusted"), None);
        assert_eq!(zone("", "trusted"), None);
    }
}

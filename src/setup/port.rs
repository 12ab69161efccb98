//! Who holds TFTP's port, and how it is taken from him and given back. Pure; [`crate::ports`] is asked who it is.
//!
//! Formats: `/proc/PID/cgroup` of proc(5), `systemctl list-sockets`.

use serde::Serialize;

/// A process that holds a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Process number; 0 = it could not be seen whose the socket is.
    pub process: u32,
    /// Name of the program.
    pub program: String,
    /// systemd's unit, where it runs under one.
    pub unit: Option<String>,
    /// systemd's socket unit that has the port, whoever it is handed to.
    pub socket: Option<String>,
    /// The command line.
    #[serde(skip)]
    pub words: Vec<String>,
}

impl Holder {
    /// In a sentence.
    pub fn named(&self) -> String {
        match (self.unit.as_ref().or(self.socket.as_ref()), self.process) {
            (_, 0) => "a program that only root can see".to_owned(),
            (Some(unit), process) => format!("{} (process {process}, {unit})", self.program),
            (None, process) => format!("{} (process {process})", self.program),
        }
    }
}

/// How a port is taken from who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taking {
    /// Nobody has it, or we have.
    Ours,
    /// Units that do nothing but TFTP are stopped, in this order.
    Units(Vec<String>),
    /// xinetd's service is switched off.
    Xinetd,
    /// Not by us; why, and what to do.
    ByHand(String),
}

/// Judges who holds port 69.
pub fn taking(holder: Option<&Holder>) -> Taking {
    let Some(holder) = holder else { return Taking::Ours };
    let unit = holder.unit.as_deref().unwrap_or_default();
    if holder.program == "offhook" || unit == "offhook.service" {
        return Taking::Ours;
    }
    if holder.program == "xinetd" {
        return Taking::Xinetd;
    }
    if holder.program.starts_with("dnsmasq") {
        return Taking::ByHand(
            "dnsmasq does more than TFTP, so it is not stopped: take enable-tftp out of /etc/dnsmasq.conf and /etc/dnsmasq.d, then systemctl restart dnsmasq".to_owned(),
        );
    }
    let service = (unit.contains("tftp") && unit.ends_with(".service")).then_some(unit);
    let socket = holder.socket.as_deref().filter(|socket| socket.contains("tftp"));
    // The socket first: it would start the service again. One that hands the port to another service is not TFTP's.
    if service.is_some() || (unit.is_empty() && socket.is_some()) {
        return Taking::Units(socket.into_iter().chain(service).map(str::to_owned).collect());
    }
    Taking::ByHand(format!(
        "{} is no TFTP service that setup knows how to stop and start: free UDP port 69, then systemctl restart offhook",
        holder.named()
    ))
}

/// The socket unit that has a port, by what `systemctl list-sockets --no-legend` prints: address, socket, service.
pub fn socket_unit(list: &str, port: u16) -> Option<String> {
    let rows = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let wanted = port.to_string();
    let mut of_port =
        rows.filter(|row| row.first().and_then(|at| at.rsplit_once(':')).is_some_and(|(_, p)| p == wanted));
    of_port.find_map(|row| row.into_iter().find(|word| word.ends_with(".socket")).map(str::to_owned))
}

/// The unit that `/proc/PID/cgroup` names.
pub fn unit(cgroup: &str) -> Option<String> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let mut names = paths.filter_map(|path| path.rsplit('/').find(|part| part.ends_with(".service")));
    names.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_process() {
        assert_eq!(unit("0::/system.slice/tftpd-hpa.service\n").as_deref(), Some("tftpd-hpa.service"));
        assert_eq!(unit("0::/machine.slice/x.service/payload/y\n").as_deref(), Some("x.service"));
        for text in ["0::/init.scope", "0::/", ""] {
            assert_eq!(unit(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_can_be_given_back_is_taken() {
        let holder = |program: &str, unit: &str| Holder {
            process: 7,
            program: program.into(),
            unit: (!unit.is_empty()).then(|| unit.into()),
            socket: None,
            words: Vec::new(),
        };
        let list = "[::]:1969 other.socket other.service\n0.0.0.0:69 atftpd.socket atftpd.service\n";
        assert_eq!((socket_unit(list, 69).as_deref(), socket_unit(list, 6)), (Some("atftpd.socket"), None));
        let activated = |program: &str, unit: &str, socket: &str| {
            taking(Some(&Holder { socket: Some(socket.into()), ..holder(program, unit) }))
        };
        let units = |names: &[&str]| Taking::Units(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(activated("systemd", "", "atftpd.socket"), units(&["atftpd.socket"]));
        assert_eq!(activated("atftpd", "atftpd.service", "atftpd.socket"), units(&["atftpd.socket", "atftpd.service"]));
        let other = activated("systemd", "", "boot.socket");
        assert!(matches!(other, Taking::ByHand(why) if why.contains("systemd (process 7, boot.socket)")));
        let by = |program: &str, unit: &str| taking(Some(&holder(program, unit)));
        assert_eq!(taking(None), Taking::Ours);
        assert_eq!(by("offhook", ""), Taking::Ours);
        assert_eq!(by("in.tftpd", "tftpd-hpa.service"), units(&["tftpd-hpa.service"]));
        assert_eq!(by("atftpd", "atftpd.service"), units(&["atftpd.service"]));
        assert_eq!(by("xinetd", "xinetd.service"), Taking::Xinetd);
        for (program, unit, word) in [
            ("dnsmasq", "dnsmasq.service", "enable-tftp"),
            ("systemd", "", "systemd (process 7)"),
            ("python3", "user@0.service", "port 69"),
        ] {
            assert!(matches!(by(program, unit), Taking::ByHand(why) if why.contains(word)), "{program}");
        }
    }
}

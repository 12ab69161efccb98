//! The rule: from what each piece of evidence says of the phone in the file's name to serve, not found or alarm.

use crate::config::Policy;
use crate::domain::MacAddr;

/// What a piece of evidence says of who is at the address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Says {
    /// Nothing.
    #[default]
    Nothing,
    /// The phone that the name speaks of.
    This,
    /// Another device.
    Other,
}

/// What the kernel's table of neighbours says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbour {
    /// This device answers for it.
    Is(MacAddr),
    /// Who answers for it answers for others as well: a router with proxy ARP, a wireless controller, and also a phone that had
    /// several addresses of late, which is this one then. `None` = a router of ours, or two of them.
    Several(Option<MacAddr>),
    /// It was asked for, and nobody answered, or not yet.
    Unresolved,
    /// Nothing: nobody asked for it yet, the link has no hardware addresses, or the kernel does not tell.
    Unknown,
}

impl Neighbour {
    /// The one device that is there, as far as it concerns this phone.
    pub fn mac(self, phone: MacAddr) -> Option<MacAddr> {
        match self {
            Self::Is(mac) => Some(mac),
            Self::Several(Some(mac)) if mac == phone => Some(mac),
            Self::Several(_) | Self::Unresolved | Self::Unknown => None,
        }
    }
}

/// How the address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// On a link of ours.
    OnLink,
    /// On a link of ours, where nobody answers for it: the source was made up, or does not want to be known.
    Silent,
    /// By way of a router: then the neighbour is the router, and says nothing of who is behind it.
    Routed,
}

/// All evidence of one address, for one phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// E1: our own lease.
    pub lease: Says,
    /// E2: DHCP of others.
    pub overheard: Says,
    /// E3: the kernel's neighbour.
    pub neighbour: Says,
    /// E4: a registration from there, or the phone's own page.
    pub contact: Says,
    /// E5: it was there before, or somebody approved it.
    pub pin: Says,
}

/// On what ground a file is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// E1 to E3 name the phone.
    Seen,
    /// E4 does.
    Contact,
    /// E5 does.
    Pin,
    /// Nothing is known, and the phone's window is open.
    FirstContact,
    /// The policy asks for no more.
    Policy,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may have the file.
    Serve(Ground),
    /// Nothing shows that it is the phone: the same answer as for a file that is not there.
    NotFound,
    /// It is another device: the same answer, and somebody should know.
    Alarm,
}

/// Decides. E1 to E3 contradict; E4 and E5 only speak for: an address is used again, and what was there last is not what
/// is there now.
pub fn decide(policy: Policy, evidence: &Evidence, link: Link, window_open: bool) -> Verdict {
    let neighbour = if link == Link::OnLink { evidence.neighbour } else { Says::Nothing };
    let seen = [evidence.lease, evidence.overheard, neighbour];
    if seen.contains(&Says::Other) {
        return if policy == Policy::Open { Verdict::Serve(Ground::Policy) } else { Verdict::Alarm };
    }
    // A device that answered no ARP could be at the phone's own address.
    if link == Link::Silent && policy != Policy::Open {
        return Verdict::NotFound;
    }
    if seen.contains(&Says::This) {
        Verdict::Serve(Ground::Seen)
    } else if evidence.contact == Says::This {
        Verdict::Serve(Ground::Contact)
    } else if evidence.pin == Says::This {
        Verdict::Serve(Ground::Pin)
    } else if policy != Policy::OwnMac {
        Verdict::Serve(Ground::Policy)
    } else if window_open {
        Verdict::Serve(Ground::FirstContact)
    } else {
        Verdict::NotFound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First match wins. Policy, E1 to E5, link, window: `.` anything, `t` this, `o` other, `-` nothing; `l` on link, `m`
    /// on link and mute, `r` routed; `w` open, `s` shut. Then what is to happen.
    const ORACLE: &str = "
        open    . . . . . . .  serve
        .       o . . . . . .  alarm
        .       . o . . . . .  alarm
        .       . . o . . l .  alarm
        .       . . . . . m .  not-found
        network . . . . . . .  serve
        own     t . . . . . .  serve
        own     . t . . . . .  serve
        own     . . t . . l .  serve
        own     . . . t . . .  serve
        own     . . . . t . .  serve
        own     . . . . . . w  serve
        own     . . . . . . s  not-found";

    fn oracle(case: [&str; 8]) -> &'static str {
        let rows = ORACLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|row| !row.is_empty());
        let fits = |row: &Vec<&str>| row.iter().zip(case).all(|(wanted, is)| *wanted == "." || *wanted == is);
        rows.into_iter().find(fits).and_then(|row| row.last().copied()).unwrap()
    }

    /// Every combination there is, against a table that knows nothing of the code.
    #[test]
    fn all_4374_combinations() {
        let says = [("-", Says::Nothing), ("t", Says::This), ("o", Says::Other)];
        let policies = [("own", Policy::OwnMac), ("network", Policy::Network), ("open", Policy::Open)];
        let links = [("l", Link::OnLink), ("m", Link::Silent), ("r", Link::Routed)];
        let windows = [("w", true), ("s", false)];
        let mut cases = 0;
        for combination in 0..243_usize {
            let piece = |n: u32| says[combination / 3_usize.pow(n) % 3];
            let [lease, overheard, neighbour, contact, pin] = [0, 1, 2, 3, 4].map(piece);
            let evidence = Evidence {
                lease: lease.1,
                overheard: overheard.1,
                neighbour: neighbour.1,
                contact: contact.1,
                pin: pin.1,
            };
            for (policy, link, window) in policies
                .iter()
                .flat_map(|policy| links.iter().map(move |link| (policy, link)))
                .flat_map(|(policy, link)| windows.iter().map(move |window| (policy, link, window)))
            {
                let case = [policy.0, lease.0, overheard.0, neighbour.0, contact.0, pin.0, link.0, window.0];
                let verdict = match decide(policy.1, &evidence, link.1, window.1) {
                    Verdict::Serve(_) => "serve",
                    Verdict::NotFound => "not-found",
                    Verdict::Alarm => "alarm",
                };
                assert_eq!(verdict, oracle(case), "{case:?}");
                cases += 1;
            }
        }
        assert_eq!(cases, 4_374);
    }

    /// What is only this policy's, or only the window's, is never a proof that pins the phone to the address.
    #[test]
    fn the_ground_is_the_best_there_is() {
        let this = |evidence: &mut Evidence, which: usize| match which {
            0 => evidence.lease = Says::This,
            1 => evidence.contact = Says::This,
            _ => evidence.pin = Says::This,
        };
        for (which, ground) in [(0, Ground::Seen), (1, Ground::Contact), (2, Ground::Pin)] {
            let mut evidence = Evidence::default();
            (which..3).for_each(|which| this(&mut evidence, which));
            for policy in [Policy::OwnMac, Policy::Network] {
                assert_eq!(decide(policy, &evidence, Link::Routed, true), Verdict::Serve(ground), "{policy:?}");
            }
        }
        let nothing = Evidence::default();
        assert_eq!(decide(Policy::OwnMac, &nothing, Link::OnLink, true), Verdict::Serve(Ground::FirstContact));
        assert_eq!(decide(Policy::Network, &nothing, Link::OnLink, true), Verdict::Serve(Ground::Policy));
    }
}

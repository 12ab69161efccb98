//! Who may have a configuration with a secret in it: the phone whose MAC is in the file's name, and nobody else.
//!
//! TFTP gives a source address and a name; names are guessable. So what counts is who is *at* the address, whatever name is
//! asked for. [`rule`] decides, purely, from what the pieces of evidence say; [`known`] holds them, [`first`] is the window for
//! a phone of which nothing is known yet, [`walkers`] finds those who try one name after another. [`Access`] joins them. All of
//! it is bounded, whoever knocks, and knows no socket and no clock.
//!
//! | evidence | from | holds |
//! |---|---|---|
//! | E1 lease | our own DHCP server, by relay too | while the lease does |
//! | E2 overheard | DHCP of others that was heard | 24 h |
//! | E3 neighbour | the kernel's table, for an address on a link of ours | now |
//! | E4 contact | a desk phone registered the phone's line from there, or its own web page was read where it was served | while registered; 1 h |
//! | E5 pin | the file went there under E1 to E4, or somebody approved it | 30 days, until E1 to E3 name another |
//!
//! Whoever is registered with a phone's secret has the secret, so E4 pins as well: a phone behind a router that was off
//! over a weekend is served on Monday. E1 to E3 that name another MAC deny, whatever else speaks for it.
//!
//! # First contact
//! Where no evidence speaks, the phone's own first request for a file in its name opens a window for its address. It ends
//! - well, when the phone registers and no conversion of it is open. A file that was delivered is no success: a phone that
//!   is converted fetches many, boots, and may come back from another address;
//! - when it lasted `access.first_contact`. Each step of the phone's conversion begins it anew;
//! - when another address asks for the phone's files. That may be the phone itself after a boot that we caused or saw (a word
//!   to restart, a step of its conversion, the end of its registration) since the first address was last heard; then the
//!   window moves along, and the old address is the stranger; not where somebody else asked within the hour, who may have
//!   waited for that boot. An address that never fetched anything makes way after a minute: the source of one datagram may
//!   be made up. Otherwise it shuts for both, until somebody approves one.
//!
//! Until it opens nothing runs down: forty phones entered on Friday and plugged in on Monday have their full time. The first
//! who asks is believed, so where E1 to E3 can be had they are better.

mod denials;
pub mod first;
mod keeping;
pub mod known;
pub mod rule;
mod state;
pub mod walkers;

pub use denials::{CONCERNS, Denied};
pub use keeping::{Kept, ToKeep};
pub use state::{Access, Admission, Asked, Why};

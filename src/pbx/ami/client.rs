//! The task that keeps one manager session: login, events, actions, reconnect.

use jiff::Timestamp;

use crate::domain::Contact;

/// What the manager session tells the rest of the house.
#[derive(Clone, Debug)]
pub enum AmiUpdate {
    /// Logged in and Asterisk is fully booted.
    Up,
    /// Not connected; one sentence why. Registration is unknown since then, never "unregistered".
    Down {
        /// Why, and what to do.
        why: String,
    },
    /// All contacts there are, after (re)connect, overflow, or a periodic read. Replaces what was known.
    Contacts(Vec<Contact>),
    /// The contacts of one endpoint, complete (empty = unregistered). Replaces what was known of it.
    Endpoint {
        /// Endpoint or peer name.
        endpoint: String,
        /// Its contacts now.
        contacts: Vec<Contact>,
        /// When.
        at: Timestamp,
    },
    /// Asterisk reloaded its configuration.
    Reloaded,
}

//! Conversion: each phone at its own step of its own path, many at once.
//!
//! *What runs on a phone* is a [`belief::Belief`] made of what it showed; *what it is to do* is a
//! [`Conversion`], a path with a state per step; *who may begin* is the [`campaign`]'s to say. All pure: signs and time in,
//! states out. What a state has come to is kept before anything follows from it, so a daemon that comes back offers what
//! it offered before.
//!
//! - [`signs`]: what a request says of the phone that makes it
//! - [`belief`]: which load runs, by whose word
//! - [`conversion`]: the steps of one phone; [`step`]: what one of them comes to
//! - [`campaign`]: canary, waves, the stop rule
//! - [`text`]: keys to press, sentences
//! - [`audit`]: which set, which rules, for the log
//! - [`web_page`]: what a phone's own page says, and who may be asked for it

pub mod audit;
pub mod belief;
pub mod campaign;
pub mod conversion;
pub mod failure;
pub mod signs;
pub mod step;
pub mod text;
pub mod web_page;

pub use belief::{Belief, Source};
pub use campaign::{Campaign, Mode, NotReady, Tally, Turn};
pub use conversion::{Conversion, Lacks, Offer};
pub use failure::Failure;
pub use signs::Sign;
pub use step::{Step, StepState, Trace};

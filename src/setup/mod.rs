//! `offhook setup`: finds the PBX and prepares it, one step after another, and takes it all back.
//!
//! Facts are gathered ([`gather`], the edge that looks), a plan is made of them ([`plan`], pure: each step says what, why,
//! how by hand and how undone), and what the admin agrees to is done ([`apply`], the edge that changes). What was changed
//! is in a [`journal`] before it is changed, so that an interrupted run resumes and [`undo`] finds all of it.
//!
//! Of the PBX's own files only a fenced block in `manager_custom.conf` is written ([`fence`]); rights in its database are
//! those of `contrib/sql/grants.sql` ([`grants`]). PHP is never executed to read a configuration.

pub mod apply;
pub mod conf;
mod database;
pub mod facts;
pub mod fence;
mod files;
pub mod gather;
pub mod grants;
pub mod journal;
mod manager;
pub mod plan;
pub mod port;
mod program;
pub mod step;
pub mod undo;

pub use facts::{Facts, Paths, Wishes};
pub use step::{Plan, Status, Step};

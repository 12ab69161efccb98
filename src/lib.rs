//! offhook: zero-touch provisioning of Cisco IP phones for Asterisk and FreePBX.
//!
//! *The PBX says who should exist; the phones say what is happening; we join the two in one immutable snapshot.*
//! *Everything that decides is a pure function of values and `now`; everything that touches the world is a thin task
//! around it.* *What a phone model is, is data.*
//!
//! # The data's way
//!
//! ```text
//! desired   pbx source -> Roster -> fleet -> Snapshot (Arc, swapped) -> files::resolve -> render -> TFTP / HTTP
//!                                     ^ catalog
//! firmware  archive -> import -> store -> Index -> convert (a path for each phone) -> Offer -> files::resolve
//! observed  tftp/dhcp/web -> BootEvent -> timeline -> diagnose -> Finding --+-> web, CLI; each event to whoever watches
//!           AMI      -> Contact ------------------> status -> PhoneStatus -> sinks -> PBX
//! ```
//!
//! # The floor
//! [`domain`] is the vocabulary, [`api`] the shapes that the socket and the command line share, [`config`] what the
//! user wrote.
//!
//! # Pure cores
//! [`access`] (who may have a file with a secret), [`catalog`] (what a model is), [`tftp`] (packets, negotiation,
//! transfers), [`pbx::roster`] and [`pbx::ami::proto`], [`files::name`], [`dhcp::server`] (who gets which address),
//! [`dhcp::snippet`] (what another DHCP server is to say), [`dhcp::offer`] and [`dhcp::rivals`] (what it does say),
//! [`discover`] (what phones announce by CDP and LLDP), [`firmware::container`], [`firmware::manifest`], [`firmware::set`]
//! and [`firmware::plan`] (the legal steps from one load to another), [`convert`] (each phone at its own step),
//! [`timeline`], [`replay`] (boots as scripts: what a phone does, and what is found of it; and a phone of the field written so), [`syslog`] (what phones say), [`fail2ban`] (whom the
//! host blocks), [`sntp`] (the time, for phones that get it from nowhere else), [`notify`] (what makes a phone
//! read its files again).
//!
//! # Pure joins
//! [`fleet`] (who gets which lines), [`render`] (phone + model + site -> bytes), [`files::resolve()`] (one place decides
//! what a phone may have), [`diagnose`] (events -> findings), [`status`] (derived, never stored as truth), [`check`]
//! (facts -> what is wrong). [`hub`] holds the present state of them all and is what the edges call.
//!
//! # Edges
//! [`tftp::io`], [`dhcp::io`], [`sntp::io`], [`syslog::io`], [`web`], [`pbx::poll`], [`pbx::sources`], [`pbx::ami::client`],
//! [`status::publish`], [`status::sinks`], [`store`], [`firmware::store`], [`firmware::import`], [`log`], [`probe`],
//! [`discover::listen`], [`dhcp::listen`] and [`dhcp::watch`] (other DHCP servers), [`neighbour`] (who is at an address,
//! and whether that is on a link), [`ports`] (who holds one), [`notify::exchange`], [`fail2ban::log`]; [`app`] composes them and is the
//! only one that knows everyone; [`cli`] runs one command; [`setup`] prepares a PBX for all this and takes it back, by hand and never from the
//! daemon. [`simulate`] plays phones against a running server and shares nothing with [`render`]; [`demo`] puts the whole on
//! loopback.
//!
//! # Invariants, as absences (`tests/house.rs` greps for them)
//! - No `tokio`, `sqlx`, `reqwest`, `std::fs`, `UdpSocket`, `Instant::now`, `Timestamp::now`, `rand` below the edges.
//! - `tftp` does not know the PBX, templates or `files`; it raises a request and is told accept or reject.
//! - `render` sees a phone, a model and a site: no SQL row, no AMI text.
//! - `pbx` never writes PBX configuration; the daemon writes to a PBX by `status::sinks` alone, and each says in its first
//!   line what. `setup` writes more, when root runs it; nothing but the command line uses it.
//! - `simulate` uses no module of ours but `domain`; it shares no parser, constant or template with `render`.
//! - A file with a secret goes out through [`access`] alone, whatever carries it.
//! - What people's side answers over TCP has passed `web::door`, all of it; the unix sockets' permissions are theirs.
//! - No secret implements `Display` or `Serialize`, reaches a log or the timeline, or lands in a file that the daemon
//!   did not make private.
//! - A PBX that is down changes nothing for phones: the last good roster keeps serving, and its age is shown.

pub mod access;
pub mod api;
pub mod app;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod config;
pub mod convert;
pub mod demo;
pub mod dhcp;
pub mod diagnose;
pub mod discover;
pub mod domain;
pub mod fail2ban;
pub mod files;
pub mod firmware;
pub mod fleet;
pub mod hub;
pub mod log;
pub mod neighbour;
pub mod notify;
pub mod pbx;
pub mod ports;
pub mod probe;
pub mod render;
pub mod replay;
pub mod setup;
pub mod simulate;
pub mod sntp;
pub mod status;
pub mod store;
pub mod syslog;
pub mod tftp;
pub mod timeline;
pub mod web;

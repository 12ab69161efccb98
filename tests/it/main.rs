//! The real daemon binary against the real things: MariaDB, Asterisk, TFTP and HTTP clients, a SIP user agent.
//!
//! Only outside faces are used (command line, JSON, TFTP, HTTP, SQL, AMI by way of Asterisk's console), but for `manager`.
//! A component that is absent makes its tests say so and pass; with `CI=true` they fail. `tests/env/install` brings what
//! is missing.
//!
//! - [`support`]: the daemon, the PBX and the clients as values that end what they started
//! - `path`: from a MAC in the PBX to a registered phone, and back
//! - `clients`, `sipp`, `advice`: every client, a foreign user agent, what `check` says
//! - `manager`: contacts and AstDB as a real Asterisk tells of them
//! - `openapi`: the API against its own description
//! - `metrics`: as Prometheus' tool reads them, and what is made of them
//! - `models`: the catalogue, from spellings in the PBX to files
//! - `module`: the FreePBX module, its PHP on both generations
//! - `pages`: the people's pages in a browser, with and without script, for everybody
//! - `chan_sip`: phones on either channel driver of one PBX
//! - `rejected`: phones whose registration a real Asterisk rejects
//! - `config`, `rows`, `saves`, `requests`, `lifecycle`: bad input, starting and ending
//! - `setup`, `docs`: a host is prepared, and given back; what the documents say is typed
//! - `convert`, `demo`, `stuck`: phones in every state end on their target, or say why not
//! - `access`: a configuration goes to its own phone
//! - `dhcp`, `dhcp_phone`: offhook's DHCP server, what others are to say and what they do say; scripted phones come up with it
//! - `banned`: a phone whose address a real fail2ban blocks
//! - `timeline`: what happened to a phone and what happens, across restarts, for whoever watches
//! - `sntp`: the time, asked of the daemon by a time client
//! - `syslog`: what phones say, sent by real senders
//! - `support_bundle`: what it takes to help, searched for every secret
//! - `catalogue`: every row of the bad-input catalogue, by its id
//! - `faults`: the fault table, each row by its id
//! - `firmware`: the store from the archive to the set, table Z where it takes the daemon, and the process that unpacks
// The helpers of a test binary are tests too, where a broken assumption ends the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

mod access;
mod admin;
mod advice;
mod banned;
mod catalogue;
mod chan_sip;
mod clients;
mod config;
mod convert;
mod demo;
mod dhcp;
mod dhcp_phone;
mod discovery;
mod docs;
mod faults;
mod fetched;
mod firmware;
mod firmware_path;
mod lifecycle;
mod link;
mod manager;
mod metrics;
mod models;
mod module;
mod notify;
mod openapi;
mod pages;
mod path;
mod rejected;
mod requests;
mod rows;
mod saves;
mod setup;
mod sipp;
mod sntp;
mod stuck;
mod support_bundle;
mod syslog;
mod timeline;

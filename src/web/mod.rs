//! HTTP: the phones' side (the same files as TFTP), and the people's, the API and pages: over TCP behind a door, on the unix
//! socket without.

mod admin;
mod api;
mod arriving;
mod bring;
mod connections;
mod conversions;
mod dhcp;
mod door;
mod events;
mod firmware;
mod guard;
mod helping;
mod metrics;
mod openapi;
mod pages;
mod phone_files;
mod problem;
mod socket;
mod steady;
mod whole;

use admin::router as admin_router;
pub use api::{pbx_router, people_router, socket_router};
pub use connections::{Ends, Limits, Peer, serve, serve_unix};
pub use door::Door;
pub use metrics::{Answers, Side, counted};
pub use phone_files::router as phone_router;
pub use socket::{Members, bind as bind_socket};

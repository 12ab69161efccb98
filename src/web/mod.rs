//! HTTP: the phones' side (the same files as TFTP), the people's side (health, metrics), the API and the people's pages
//! on the unix socket.

mod admin;
mod api;
mod bring;
mod connections;
mod conversions;
mod dhcp;
mod events;
mod firmware;
mod metrics;
mod openapi;
mod pages;
mod phone_files;
mod problem;
mod socket;

pub use admin::router as admin_router;
pub use api::{pbx_router, router as api_router};
pub use connections::{Ends, Limits, serve, serve_unix};
pub use metrics::{Answers, Side, counted};
pub use phone_files::router as phone_router;
pub use socket::{Members, bind as bind_socket};

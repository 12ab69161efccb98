//! HTTP: the phones' side (the same files as TFTP), the people's side (health, metrics), and the API on the unix socket.

mod admin;
mod api;
mod listen;
mod phone_files;

pub use admin::router as admin_router;
pub use api::router as api_router;
pub use listen::{Ends, bind_socket, serve_phones};
pub use phone_files::router as phone_router;

//! A port of loopback that leads to a unix socket: browsers open no sockets by path.

use std::io::copy;
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;

/// Begins to relay, as long as the process lives. Returns the address as a URL without a path.
pub(crate) fn relay(socket: PathBuf) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for browser in listener.incoming() {
            let (Ok(mut browser), Ok(mut daemon)) = (browser, UnixStream::connect(&socket)) else { continue };
            let (mut to_daemon, mut from_browser) = (daemon.try_clone().unwrap(), browser.try_clone().unwrap());
            thread::spawn(move || {
                let _ = copy(&mut from_browser, &mut to_daemon);
                let _ = to_daemon.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                let _ = copy(&mut daemon, &mut browser);
                let _ = browser.shutdown(Shutdown::Both);
            });
        }
    });
    format!("http://127.0.0.1:{port}")
}

//! The door in a browser: the first account, what is asked for before the login and had after it, forms, and out again.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{MAC, address, ask, small_pbx};
use crate::support::browser::{BROWSER, Browser, drive};
use crate::support::daemon::Site;
use crate::support::{Component, axe, have};

const PASSWORD: &str = "CANARY in the browser";

/// The page as it is, narrow and dark, kept as pictures.
async fn pictured(browser: &Browser, name: &str) {
    for (look, width, scheme) in [("light", 1280, "light"), ("dark", 1280, "dark"), ("360", 360, "light")] {
        browser.looks(width, scheme).await;
        browser.picture(&format!("{name}-{look}")).await;
        let wide = "return document.documentElement.scrollWidth > innerWidth";
        assert_eq!(browser.asks(wide).await, false, "{name} at {width}");
    }
    if axe::is_there().is_ok() {
        let broken = browser.breaks(&axe::library()).await;
        assert!(broken.is_empty(), "{name}: {}", broken.join("\n"));
    }
}

#[test]
fn in_and_out() {
    if !have(&[BROWSER.as_slice(), &[Component::Axe]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let token = std::fs::read_to_string(site.state().join("first-run-token")).unwrap();
    drive(&format!("http://localhost:{}", daemon.admin.port()), &json!({}), async |browser| {
        browser.go(&format!("/phones/{MAC}")).await;
        browser.reads(&["The first account", "offhook admin token"]).await;
        pictured(browser, "setup").await;
        browser.type_in("input[name=token]", token.trim()).await;
        browser.type_in("input[name=name]", "ada").await;
        browser.type_in("input[name=password]", PASSWORD).await;
        browser.type_in("input[name=again]", "CANARY another one").await;
        browser.follow("button.main").await;
        browser.reads(&["not the same"]).await;
        browser.type_in("input[name=token]", token.trim()).await;
        browser.type_in("input[name=password]", PASSWORD).await;
        browser.type_in("input[name=again]", PASSWORD).await;
        browser.follow("button.main").await;
        browser.reads(&["Log out", "ada (127.0.0.1)", MAC]).await;
        // No script has the session.
        assert_eq!(browser.asks("return document.cookie").await, "");

        browser.follow(".leave button").await;
        browser.go(&format!("/phones/{MAC}")).await;
        browser.reads(&["Password lost?"]).await;
        pictured(browser, "login").await;
        browser.type_in("input[name=name]", "ada").await;
        browser.type_in("input[name=password]", "CANARY of somebody").await;
        browser.follow("button.main").await;
        browser.reads(&["do not go together"]).await;
        assert_eq!(browser.value("input[name=name]").await, "ada");
        browser.type_in("input[name=password]", PASSWORD).await;
        browser.follow("button.main").await;
        let here = browser.driver.current_url().await.unwrap();
        assert_eq!(here.path(), format!("/phones/{MAC}"));
        // A form of ours is known as ours.
        browser.go("/check").await;
        browser.follow("main form button").await;
        browser.reads(&["Log out"]).await;
        // What happens comes by itself, to who was let in.
        browser.go("/live").await;
        let name = format!("SIP{MAC}.cnf");
        ask(&daemon, address(41), &name);
        browser.comes_to_read(&format!("asks for {name}")).await;
        pictured(browser, "live-by-the-door").await;

        // The session ends while a form is filled in: nothing is done, that is said, and the login leads back to the form.
        browser.go("/?q=lovelace").await;
        browser.unfold("#add").await;
        browser.type_in("#add input[name=mac]", "001B54AABB09").await;
        browser.type_in("#add input[name=line]", "1002").await;
        let mut password = site.command(&["admin", "password", "--stdin"]);
        let mut child = password.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        browser.follow("#add button").await;
        browser.reads(&["What you sent was not done", "Log in"]).await;
        browser.type_in("input[name=name]", "ada").await;
        browser.type_in("input[name=password]", PASSWORD).await;
        browser.follow("button.main").await;
        let here = browser.driver.current_url().await.unwrap();
        assert_eq!((here.path(), here.query()), ("/", Some("q=lovelace")));
        assert_eq!(daemon.phone("001B54AABB09"), Value::Null);

        // The same where the login was in another window: the page is of the former session.
        browser.unfold("#add").await;
        browser.type_in("#add input[name=mac]", "001B54AABB09").await;
        browser.type_in("#add input[name=line]", "1002").await;
        let login = "await fetch('/login', { method: 'POST', body: new URLSearchParams({ name: 'ada', password: arguments[0] }) })";
        let login = format!("const done = arguments[1]; (async () => {{ {login}; done(true) }})()");
        assert_eq!(browser.driver.execute_async(&login, vec![json!(PASSWORD)]).await.unwrap(), true);
        browser.follow("#add button").await;
        browser.reads(&["Nothing was done: that page was of a login that ended", "Add"]).await;
        assert_eq!(browser.asks("return location.search").await, "?q=lovelace");
        assert_eq!(daemon.phone("001B54AABB09"), Value::Null);
        browser.unfold("#add").await;
        browser.type_in("#add input[name=mac]", "001B54AABB09").await;
        browser.type_in("#add input[name=line]", "1002").await;
        browser.follow("#add button").await;
        browser.reads(&["Done: phone 001B54AABB09"]).await;
    });
    daemon.stop();
}

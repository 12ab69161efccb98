//! A headless Chromium: what a person types, presses and reads. Pictures of the pages go to `OFFHOOK_SCREENSHOTS`, or to
//! `screenshots` beside the build, for whoever wants to look at them.

use std::net::{Ipv4Addr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::{Component, free_port, wait_for};

/// What these tests need.
pub(crate) const BROWSER: [Component; 2] = [Component::Program("chromium"), Component::Program("chromedriver")];

/// How long a page may take to say something.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long something may take that many others have to happen before.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_secs(90);

/// A program that ends with this value.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody listens on a port of loopback.
pub(crate) fn listens(port: u16) {
    wait_for("a listener", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|why| why.to_string()));
}

/// A browser at the pages below one address.
pub(crate) struct Browser {
    pub(crate) driver: Client,
    base: String,
}

/// A command of the browser's own protocol.
#[derive(Debug)]
struct Devtools {
    name: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        let body = json!({"cmd": self.name, "params": self.parameters});
        (hyper::Method::POST, Some(body.to_string()))
    }
}

/// What the browser has to say of the page: a command of its driver's own.
#[derive(Debug)]
struct Log;

impl WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        (hyper::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

impl Browser {
    /// Warnings and errors that came up since this was last asked.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let lines = self.driver.issue_cmd(Log).await.unwrap();
        lines.as_array().unwrap().iter().map(|line| line["message"].to_string()).collect()
    }

    /// Goes to what the base is followed by, and waits until it is there: told to go where it already is, the driver may
    /// return with the page that was there before.
    pub(crate) async fn go(&self, rest: &str) {
        let url = format!("{}{rest}", self.base);
        self.leads_on(&url, async || self.driver.goto(&url).await.unwrap_or_else(|why| panic!("{url}: {why}"))).await;
    }

    pub(crate) async fn find(&self, css: &str) -> Element {
        self.driver.find(Locator::Css(css)).await.unwrap_or_else(|why| panic!("{css}: {why}"))
    }

    pub(crate) async fn type_in(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap_or_else(|why| panic!("{css}: {why}"));
        field.send_keys(text).await.unwrap_or_else(|why| panic!("{css}: {why}"));
    }

    pub(crate) async fn press(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|why| panic!("{css}: {why}"));
    }

    /// Unfolds what this names, and waits until it is open: a click may return before the page did what it asks for.
    pub(crate) async fn unfold(&self, css: &str) {
        self.press(&format!("{css} summary")).await;
        let open = format!("return document.querySelector({}).open", json!(css));
        self.comes_true(&open, PATIENCE).await;
    }

    /// Waits until a script of the test finds it true.
    pub(crate) async fn comes_true(&self, script: &str, patience: Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        while self.asks(script).await != true {
            assert!(tokio::time::Instant::now() < deadline, "never true: {script}\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses what leads to another page, and waits until that page is there: a click may return before its form is sent.
    pub(crate) async fn follow(&self, css: &str) {
        self.leads_on(css, async || self.press(css).await).await;
    }

    /// Does what leads to another page, and waits until that page is there.
    pub(crate) async fn leads_on(&self, what: &str, act: impl AsyncFnOnce()) {
        self.driver.execute("window.left = true", vec![]).await.unwrap();
        act().await;
        let arrived = "return !window.left && document.readyState === 'complete'";
        let deadline = tokio::time::Instant::now() + PATIENCE;
        // Between two pages the driver may have none to ask.
        while self.driver.execute(arrived, vec![]).await.ok() != Some(Value::Bool(true)) {
            assert!(tokio::time::Instant::now() < deadline, "{what} led nowhere");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn choose(&self, select: &str, value: &str) {
        self.press(&format!("{select} option[value='{value}']")).await;
    }

    pub(crate) async fn value(&self, css: &str) -> String {
        self.find(css).await.prop("value").await.unwrap().unwrap_or_default()
    }

    pub(crate) async fn text(&self) -> String {
        self.find("body").await.text().await.unwrap()
    }

    /// The text of the page, which must hold these words.
    pub(crate) async fn reads(&self, words: &[&str]) {
        let text = self.text().await;
        for word in words {
            assert!(text.contains(word), "{word:?} is not on the page:\n{text}");
        }
    }

    /// Waits until the page says these words, without being loaded again by the test.
    pub(crate) async fn comes_to_read(&self, word: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.contains(word) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{word:?} never came onto the page:\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a script of the test finds on the page.
    pub(crate) async fn asks(&self, script: &str) -> Value {
        self.driver.execute(script, vec![]).await.unwrap_or_else(|why| panic!("{script}: {why}"))
    }

    /// Strikes a key, wherever the focus is.
    pub(crate) async fn strikes(&self, key: Key) {
        self.driver.active_element().await.unwrap().send_keys(&char::from(key).to_string()).await.unwrap();
    }

    async fn devtools(&self, name: &'static str, parameters: Value) -> Result<Value, CmdError> {
        self.driver.issue_cmd(Devtools { name, parameters }).await
    }

    /// Has the window be so wide, and its user want it `light` or `dark`.
    pub(crate) async fn looks(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// Keeps a picture of the page.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = std::env::var_os("OFFHOOK_SCREENSHOTS").filter(|folder| !folder.is_empty());
        let beside = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        let folder = folder.map_or_else(beside, PathBuf::from);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), self.driver.screenshot().await.unwrap()).unwrap();
    }
}

/// Runs the steps in a browser with these preferences, and ends the browser whatever they did.
pub(crate) fn drive(base: &str, preferences: &Value, steps: impl AsyncFnOnce(&Browser)) {
    let port = free_port();
    let _chromedriver = Running::start(Command::new("chromedriver").arg(format!("--port={port}")));
    listens(port);
    let folder = tempfile::Builder::new().prefix("ohb").tempdir_in("/tmp").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let profile = format!("--user-data-dir={}", folder.path().display());
    let wanted = json!({"goog:chromeOptions": {"prefs": preferences, "args": [
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,1000", profile,
    ]}});
    let mut builder = ClientBuilder::new(HttpConnector::new());
    builder.capabilities(wanted.as_object().unwrap().clone());
    let driver = runtime.block_on(builder.connect(&format!("http://127.0.0.1:{port}"))).unwrap();
    let browser = Browser { driver: driver.clone(), base: base.to_owned() };
    // The browser is chromedriver's child, and outlives it where nobody ends its session.
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(steps(&browser))));
    let closed = runtime.block_on(async { tokio::time::timeout(PATIENCE, driver.close()).await });
    match outcome {
        Ok(()) => closed.expect("the browser to end in time").unwrap(),
        Err(failure) => resume_unwind(failure),
    }
}

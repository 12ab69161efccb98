//! `SEP<MAC>.cnf.xml` as a Java phone on a SIP load takes it: the whole file or nothing.
//!
//! Required elements and values follow usecallmanager.nz, limits follow Cisco's SIP stack as published with Mozilla
//! (`config_parser.c`), strictness follows bench reports of 7962 and 7965 on 9.x. Complaints name elements, never the
//! value of a password.

use roxmltree::{Document, Node};

use super::files::{child, child_text, document, text};
use super::sip::{Line, Server};
use super::zones;

/// Which firmware reads the file: 8.x forgives missing subtrees, 9.x does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// 8.x.
    V8,
    /// 9.x, and loads whose version is not known.
    V9,
}

/// What the reading depends on besides the file.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Firmware generation.
    pub generation: Generation,
    /// Line keys of the model.
    pub keys: u16,
    /// Take passwords of at most 12 characters (two reports of 9.4(2)SR3) instead of 31 (the stack's buffer).
    pub short_passwords: bool,
}

/// What a phone keeps of its file.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `loadInformation`, where it is given and not empty.
    pub load: Option<String>,
    /// Whether to register at all.
    pub register: bool,
    /// Local SIP port.
    pub listen: u16,
    /// TCP instead of UDP.
    pub tcp: bool,
    /// Seconds asked for in REGISTER.
    pub expires: u32,
    /// Seconds before the end at which the phone registers again.
    pub refresh_before: u32,
    /// `natAddress`, where NAT is enabled and it is not empty.
    pub nat_address: Option<String>,
    /// Directory of the user locale; empty = none.
    pub user_locale: String,
    /// Directory of the network locale; empty = none.
    pub network_locale: String,
    /// File name of the dial template; empty = none.
    pub dial_template: String,
    /// File name of the soft keys; empty = none.
    pub soft_keys: String,
    /// Keys with featureID 9.
    pub lines: Vec<Line>,
    /// Keys that open what most models have a fixed key for.
    pub functions: Vec<Function>,
}

/// A key that opens a function of the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The key.
    pub button: u16,
    /// What opens.
    pub opens: &'static str,
}

/// Functions on keys by featureID, on 79xx only; a 7931 has no other way to them.
const FUNCTIONS: &[(u16, &str)] =
    &[(192, "services"), (194, "messages"), (195, "directories"), (197, "applications"), (198, "headset")];

/// Elements without which no SIP load comes up.
const REQUIRED: &[&str] = &[
    "deviceProtocol",
    "devicePool",
    "devicePool/callManagerGroup/members",
    "sipProfile",
    "sipProfile/sipProxies/registerWithProxy",
    "sipProfile/voipControlPort",
    "transportLayerProtocol",
];

/// Elements without which 9.x stops with a NullPointerException (bench report of a 7965 on 9.3(1)).
const REQUIRED_9: &[&str] = &[
    "sipProfile/sipCallFeatures",
    "sipProfile/sipStack",
    "commonProfile",
    "commonProfile/phonePassword",
    "vendorConfig",
    "deviceSecurityMode",
    "authenticationURL",
    "directoryURL",
    "idleURL",
    "informationURL",
    "messagesURL",
    "proxyServerURL",
    "servicesURL",
];

/// Texts with a limit: path below `device`, characters.
const LIMITS: &[(&str, usize)] = &[
    ("authenticationURL", 255),
    ("directoryURL", 255),
    ("idleURL", 255),
    ("informationURL", 255),
    ("messagesURL", 255),
    ("proxyServerURL", 255),
    ("servicesURL", 255),
    ("sipProfile/externalNumberMask", 39),
];

/// Highest number of call managers in a group.
const MEMBERS: usize = 5;

/// Reads a file.
///
/// # Errors
/// Everything that makes the phone discard the file, in the order of the file's parts.
pub fn read(bytes: &[u8], rules: Rules) -> Result<Settings, Vec<String>> {
    let text = text(bytes).map_err(|why| vec![why])?;
    let document = document(text).map_err(|why| vec![why])?;
    let mut reader = Reader { root: document.root_element(), rules, complaints: Vec::new() };
    reader.shape(&document);
    if !reader.complaints.is_empty() {
        return Err(reader.complaints);
    }
    let settings = reader.settings();
    if reader.complaints.is_empty() { Ok(settings) } else { Err(reader.complaints) }
}

struct Reader<'a, 'i> {
    root: Node<'a, 'i>,
    rules: Rules,
    complaints: Vec<String>,
}

impl<'a, 'i> Reader<'a, 'i> {
    fn complain(&mut self, what: impl Into<String>) {
        self.complaints.push(what.into());
    }

    fn find(&self, path: &str) -> Option<Node<'a, 'i>> {
        path.split('/').try_fold(self.root, child)
    }

    fn value(&self, path: &str) -> Option<&'a str> {
        self.find(path).map(|n| n.text().unwrap_or_default().trim())
    }

    /// Root, namespaces, required elements.
    fn shape(&mut self, document: &Document<'_>) {
        let root = self.root.tag_name().name().to_owned();
        if root != "device" {
            return self.complain(format!("the root element is {root}, not device"));
        }
        let foreign =
            |n: &Node<'_, '_>| n.tag_name().namespace().is_some() || n.attributes().any(|a| a.namespace().is_some());
        if document.descendants().any(|n| foreign(&n)) {
            self.complain("a namespace, which the parser does not know");
        }
        let strict = if self.rules.generation == Generation::V9 { REQUIRED_9 } else { &[] };
        for path in REQUIRED.iter().chain(strict) {
            if self.find(path).is_none() {
                self.complain(format!("{path} is missing"));
            }
        }
    }

    fn settings(&mut self) -> Settings {
        if self.value("deviceProtocol") != Some("SIP") {
            self.complain("deviceProtocol is not SIP");
        }
        for (path, limit) in LIMITS {
            self.at_most(path, self.value(path), *limit);
        }
        self.date_and_time();
        let servers = self.servers();
        let register = match self.value("sipProfile/sipProxies/registerWithProxy") {
            Some("true") => true,
            Some("false") => false,
            _ => {
                self.complain("registerWithProxy is neither true nor false");
                false
            }
        };
        if let Some(label) = self.value("sipProfile/phoneLabel") {
            self.at_most("phoneLabel", Some(label), 12);
            if label.contains(' ') {
                self.complain("phoneLabel contains a space");
            }
        }
        if self.value("deviceSecurityMode").is_some_and(|mode| mode != "1") {
            self.complain("deviceSecurityMode is not 1: the phone wants certificates");
        }
        let tcp = match self.value("transportLayerProtocol") {
            // 4 is what CallManager writes; a 7962 on 9.4(2)SR3 takes it as TCP.
            Some("1" | "4") => true,
            Some("2") => false,
            _ => {
                self.complain("transportLayerProtocol is none of 1, 2, 4");
                false
            }
        };
        let listen = self.port("voipControlPort", self.value("sipProfile/voipControlPort"));
        let (lines, functions) = self.keys(&servers);
        let name = |path| self.value(path).unwrap_or_default().to_owned();
        let number = |path, default| self.value(path).and_then(|v| v.parse().ok()).unwrap_or(default);
        let natted = self.value("sipProfile/natEnabled") == Some("true");
        Settings {
            load: self.value("loadInformation").filter(|l| !l.is_empty()).map(str::to_owned),
            register,
            listen,
            tcp,
            expires: number("sipProfile/sipStack/timerRegisterExpires", 3600),
            refresh_before: number("sipProfile/sipStack/timerRegisterDelta", 5),
            nat_address: Some(name("sipProfile/natAddress")).filter(|a| natted && !a.is_empty()),
            user_locale: name("userLocale/name"),
            network_locale: self
                .value("networkLocaleInfo/name")
                .or_else(|| self.value("networkLocale"))
                .unwrap_or_default()
                .to_owned(),
            dial_template: name("sipProfile/dialTemplate"),
            soft_keys: name("sipProfile/softKeyFile"),
            lines,
            functions,
        }
    }

    fn date_and_time(&mut self) {
        let at = "devicePool/dateTimeSetting";
        if let Some(template) = self.value(&format!("{at}/dateTemplate"))
            && !is_date_template(template)
        {
            self.complain(format!("dateTemplate {template:?} is not of the form D/M/Y, D/M/YY, D/M/YA or D/M/YYA"));
        }
        if let Some(zone) = self.value(&format!("{at}/timeZone"))
            && !zones::is_known(zone)
        {
            self.complain(format!("timeZone {zone:?} is not in the phone's table"));
        }
        let Some(ntps) = self.find(&format!("{at}/ntps")) else { return };
        for ntp in ntps.children().filter(|n| n.has_tag_name("ntp")) {
            self.at_most("ntp/name", child_text(ntp, "name"), 50);
            let mode = child_text(ntp, "ntpMode").unwrap_or_default();
            if !["unicast", "directedbroadcast"].iter().any(|m| mode.eq_ignore_ascii_case(m)) {
                self.complain("ntpMode is neither unicast nor directedbroadcast");
            }
        }
    }

    /// The call managers, lowest priority number first.
    fn servers(&mut self) -> Vec<Server> {
        let Some(members) = self.find("devicePool/callManagerGroup/members") else { return Vec::new() };
        let mut servers: Vec<(u8, Server)> = Vec::new();
        for member in members.children().filter(|n| n.has_tag_name("member")) {
            let priority = member.attribute("priority").and_then(|p| p.parse::<u8>().ok()).filter(|p| *p < 5);
            let Some(priority) = priority else {
                self.complain("member priority is not 0 to 4");
                continue;
            };
            let manager = child(member, "callManager");
            let port = manager.and_then(|m| child(m, "ports")).and_then(|p| child_text(p, "sipPort"));
            let port = self.port("ports/sipPort", port);
            let host = manager.and_then(|m| child_text(m, "processNodeName")).unwrap_or_default();
            if host.is_empty() {
                self.complain("processNodeName is missing or empty");
            }
            self.at_most("processNodeName", Some(host), 50);
            servers.push((priority, Server { host: host.to_owned(), port }));
        }
        if servers.is_empty() {
            self.complain("members is empty");
        }
        if servers.len() > MEMBERS {
            self.complain(format!("{} members, {MEMBERS} are taken", servers.len()));
        }
        servers.sort_by_key(|(priority, _)| *priority);
        servers.into_iter().map(|(_, server)| server).collect()
    }

    fn keys(&mut self, servers: &[Server]) -> (Vec<Line>, Vec<Function>) {
        // Keys elsewhere are not found: a 7962 with sipLines outside sipProfile stayed Unprovisioned.
        let Some(keys) = self.find("sipProfile/sipLines") else { return Default::default() };
        let (mut lines, mut functions) = (Vec::new(), Vec::new());
        let mut used = Vec::new();
        for key in keys.children().filter(|n| n.has_tag_name("line")) {
            let button = key.attribute("button").and_then(|b| b.parse::<u16>().ok());
            let Some(button) = button.filter(|b| (1..=self.rules.keys).contains(b)) else {
                self.complain(format!("line button is not 1 to {}", self.rules.keys));
                continue;
            };
            if used.contains(&button) {
                self.complain(format!("button {button} is there twice"));
            }
            used.push(button);
            self.at_most("featureLabel", child_text(key, "featureLabel"), 30);
            match child_text(key, "featureID").and_then(|id| id.parse::<u16>().ok()) {
                Some(9) => lines.extend(self.line(key, button, servers)),
                Some(id) => {
                    let known = FUNCTIONS.iter().find(|(known, _)| *known == id);
                    functions.extend(known.map(|(_, opens)| Function { button, opens }));
                }
                None => self.complain(format!("button {button} has no featureID")),
            }
        }
        (lines, functions)
    }

    fn line(&mut self, key: Node<'a, 'i>, button: u16, servers: &[Server]) -> Option<Line> {
        let before = self.complaints.len();
        if child_text(key, "proxy") != Some("USECALLMANAGER") {
            self.complain(format!("button {button}: proxy is not USECALLMANAGER"));
        }
        self.port(&format!("button {button}: port"), child_text(key, "port"));
        let user = child_text(key, "name").unwrap_or_default();
        if user.is_empty() {
            self.complain(format!("button {button}: name is missing or empty"));
        }
        if child(key, "authName").is_some() != child(key, "authPassword").is_some() {
            self.complain(format!("button {button}: authName and authPassword come together"));
        }
        let password = child_text(key, "authPassword").unwrap_or_default();
        let limits = [("name", 127), ("displayName", 32), ("authName", 127), ("contact", 127), ("messagesNumber", 127)];
        for (field, limit) in limits {
            self.at_most(&format!("button {button}: {field}"), child_text(key, field), limit);
        }
        let limit = if self.rules.short_passwords { 12 } else { 31 };
        self.at_most(&format!("button {button}: authPassword"), Some(password), limit);
        let text = |field: &str| child_text(key, field).filter(|t| !t.is_empty()).map(str::to_owned);
        (self.complaints.len() == before).then(|| Line {
            button,
            user: user.to_owned(),
            auth: text("authName"),
            password: text("authPassword"),
            contact: text("contact").unwrap_or_else(|| user.to_owned()),
            servers: servers.to_vec(),
            outbound: None,
        })
    }

    fn at_most(&mut self, what: &str, value: Option<&str>, limit: usize) {
        let length = value.unwrap_or_default().chars().count();
        if length > limit {
            self.complain(format!("{what} has {length} characters, {limit} are taken"));
        }
    }

    fn port(&mut self, what: &str, value: Option<&str>) -> u16 {
        value.and_then(|v| v.parse().ok()).filter(|p| *p > 0).unwrap_or_else(|| {
            self.complain(format!("{what} is no port"));
            0
        })
    }
}

/// `D/M/Y`, `M.D.YY`, `D-M-YYA`: day and month in either order, one separator, two or four digits, 12 hours or not.
fn is_date_template(template: &str) -> bool {
    let Some(separator) = template.chars().nth(1).filter(|c| matches!(c, '/' | '-' | '.')) else { return false };
    let parts: Vec<&str> = template.split(separator).collect();
    let [first, second, year] = parts[..] else { return false };
    matches!((first, second), ("D", "M") | ("M", "D")) && matches!(year, "Y" | "YY" | "YA" | "YYA" | "Ya" | "YYa")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { generation: Generation::V9, keys: 6, short_passwords: false };

    fn folder(name: &str) -> Vec<std::path::PathBuf> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/phonefiles/sep").join(name);
        let files = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
        files.filter(|p| p.extension().is_some_and(|e| e == "xml")).collect()
    }

    #[test]
    fn good_files_are_taken() {
        let files = folder("good");
        assert!(files.len() >= 3);
        for path in files {
            let settings = read(&std::fs::read(&path).unwrap(), RULES);
            assert!(settings.is_ok_and(|s| s.register), "{}", path.display());
        }
    }

    #[test]
    fn bad_files_are_refused_for_their_reason() {
        let files = folder("bad");
        assert!(files.len() >= 10);
        for path in files {
            let expected = std::fs::read_to_string(path.with_extension("expect")).unwrap();
            let got = read(&std::fs::read(&path).unwrap(), RULES).err().unwrap_or_default().join("\n");
            assert_eq!(got, expected.trim_end(), "{}", path.display());
        }
    }

    #[test]
    fn short_passwords_on_request() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/phonefiles/sep/good/two-lines.xml");
        let bytes = std::fs::read(path).unwrap();
        let refused = read(&bytes, Rules { short_passwords: true, ..RULES }).unwrap_err();
        assert_eq!(refused, ["button 2: authPassword has 31 characters, 12 are taken"]);
    }

    #[test]
    fn firmware_8_forgives_missing_subtrees() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/phonefiles/sep/bad/short.xml");
        let bytes = std::fs::read(path).unwrap();
        assert!(read(&bytes, Rules { generation: Generation::V8, ..RULES }).is_ok());
        assert!(read(&bytes, RULES).is_err());
    }

    #[test]
    fn date_templates() {
        for good in ["D/M/Y", "M/D/YY", "D.M.YYA", "M-D-Ya"] {
            assert!(is_date_template(good), "{good}");
        }
        for bad in ["", "D", "D/M", "DD/MM/YY", "Y/M/D", "D/M.Y", "D/M/YYYY", "M/M/Y"] {
            assert!(!is_date_template(bad), "{bad}");
        }
    }
}

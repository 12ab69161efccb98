//! The smaller files of both families: dial templates, ring lists, `XMLDefault.cnf.xml`.
//!
//! Grammar: Cisco's dial template rules (SIP administration guide 6.x/7.x; usecallmanager.nz), ring lists of public
//! 7940/7960 set-ups.

use roxmltree::{Document, Node};

use super::model::{Family, Model};

/// The size that Java phones pass for a dial plan, from a public console log of a 7942.
const DIAL_TEMPLATE_MAX: usize = 550_001;

/// Text of a document, or what the phone would say of it.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))
}

/// Parses XML; the message names line and column.
pub(crate) fn document(text: &str) -> Result<Document<'_>, String> {
    Document::parse(text).map_err(|error| format!("XML Parse Error: {error}"))
}

/// The first child element of this name, compared exactly.
pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|c| c.is_element() && c.tag_name().name() == name)
}

/// The text of a child element, trimmed; `None` where the element is absent.
pub(crate) fn child_text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).map(|c| c.text().unwrap_or_default().trim())
}

/// Complaints about a dial template; empty = the phone takes it.
pub fn dial_template(bytes: &[u8], family: Family) -> Vec<String> {
    if bytes.len() > DIAL_TEMPLATE_MAX {
        return vec![format!("{} bytes, the phone takes {DIAL_TEMPLATE_MAX}", bytes.len())];
    }
    let text = match text(bytes) {
        Ok(text) => text,
        Err(why) => return vec![why],
    };
    let document = match document(text) {
        Ok(document) => document,
        Err(why) => return vec![why],
    };
    let root = document.root_element();
    let root_name = root.tag_name().name();
    let known = root_name == "DIALTEMPLATE" || (family == Family::Java && root_name == "dialTemplate");
    if !known {
        return vec![format!("the root element is {root_name}, not DIALTEMPLATE")];
    }
    let mut complaints = Vec::new();
    for entry in root.children().filter(Node::is_element) {
        match entry.tag_name().name() {
            "TEMPLATE" => template(entry, &mut complaints),
            "versionStamp" => {}
            other => complaints.push(format!("{other} is no dial template entry: only TEMPLATE, in capitals")),
        }
    }
    complaints
}

fn template(entry: Node<'_, '_>, complaints: &mut Vec<String>) {
    let attribute = |name: &str| entry.attributes().find(|a| a.name().eq_ignore_ascii_case(name)).map(|a| a.value());
    match attribute("MATCH") {
        None => complaints.push("a TEMPLATE without MATCH".to_owned()),
        Some(pattern) => {
            let mut rest = pattern.chars();
            while let Some(c) = rest.next() {
                let good = match c {
                    '\\' => rest.next() == Some('*'),
                    _ => c.is_ascii_digit() || matches!(c, '.' | '*' | ',' | '#' | '+'),
                };
                if !good {
                    complaints.push(format!("MATCH {pattern:?}: {c:?} is outside the grammar"));
                    break;
                }
            }
        }
    }
    if attribute("Timeout").is_some_and(|t| t.is_empty() || t.len() > 5 || !t.bytes().all(|b| b.is_ascii_digit())) {
        complaints.push("Timeout is not a number of seconds".to_owned());
    }
    if attribute("User").is_some_and(|u| !u.eq_ignore_ascii_case("ip") && !u.eq_ignore_ascii_case("phone")) {
        complaints.push("User is neither IP nor Phone".to_owned());
    }
    let routes = ["default", "emergency", "fqdn"];
    if attribute("Route").is_some_and(|r| !routes.iter().any(|known| r.eq_ignore_ascii_case(known))) {
        complaints.push("Route is none of Default, Emergency, FQDN".to_owned());
    }
    if attribute("Tone").is_some_and(|t| !(t.starts_with("Bellcore-") || t.starts_with("Cisco-"))) {
        complaints.push("Tone is neither a Bellcore nor a Cisco tone".to_owned());
    }
}

/// Complaints about `RINGLIST.DAT`: one ring per line, shown name, TAB, file name.
pub fn ring_list(bytes: &[u8]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        let fields: Vec<&[u8]> = line.split(|b| *b == b'\t').filter(|f| !f.is_empty()).collect();
        if fields.len() != 2 {
            complaints.push(format!("line {}: not a name, a TAB and a file name", index + 1));
        }
    }
    complaints
}

/// What `XMLDefault.cnf.xml` tells one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteDefault {
    /// `loadInformationN` of this model, where it is given and not empty.
    pub load: Option<String>,
}

/// Reads `XMLDefault.cnf.xml` for `model`.
///
/// # Errors
/// What the phone would complain about: no XML, another root, no call manager (a file without that block is refused).
pub fn xml_default(bytes: &[u8], model: &Model) -> Result<SiteDefault, Vec<String>> {
    let text = text(bytes).map_err(|why| vec![why])?;
    let document = document(text).map_err(|why| vec![why])?;
    let root = document.root_element();
    if root.tag_name().name() != "Default" {
        return Err(vec![format!("the root element is {}, not Default", root.tag_name().name())]);
    }
    let member = child(root, "callManagerGroup").and_then(|g| child(g, "members")).and_then(|m| child(m, "member"));
    let Some(manager) = member.and_then(|m| child(m, "callManager")) else {
        return Err(vec!["callManagerGroup/members/member/callManager is missing".to_owned()]);
    };
    let mut complaints = Vec::new();
    if child(manager, "ports")
        .and_then(|p| child_text(p, "ethernetPhonePort"))
        .is_none_or(|p| p.parse::<u16>().is_err())
    {
        complaints.push("ports/ethernetPhonePort is missing or no port".to_owned());
    }
    if child_text(manager, "processNodeName").is_none_or(str::is_empty) {
        complaints.push("processNodeName is missing or empty".to_owned());
    }
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let load =
        child_text(root, &format!("loadInformation{}", model.device)).filter(|l| !l.is_empty()).map(str::to_owned);
    Ok(SiteDefault { load })
}

/// The load that a `SEP<MAC>.cnf.xml` names, as a loader or an SCCP application reads it; `None` = keep what runs.
///
/// # Errors
/// A file that is no XML or has another root; the phone asks for it again about once a second.
pub fn sep_load(bytes: &[u8]) -> Result<Option<String>, String> {
    let text = text(bytes)?;
    let document = document(text)?;
    let root = document.root_element();
    match root.tag_name().name() {
        "device" | "Default" => Ok(child_text(root, "loadInformation").filter(|l| !l.is_empty()).map(str::to_owned)),
        other => Err(format!("the root element is {other}, not device")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dial_templates() {
        let wrap = |entry: &str| format!("<DIALTEMPLATE>{entry}</DIALTEMPLATE>").into_bytes();
        for good in [
            "<TEMPLATE MATCH=\"*\" Timeout=\"5\"/>",
            "<TEMPLATE match=\"112\" timeout=\"0\" User=\"Phone\" Route=\"Emergency\"/>",
            "<TEMPLATE MATCH=\"9,.......\" Tone=\"Bellcore-Outside\"/><!-- c --><TEMPLATE MATCH=\"\\*..\" Timeout=\"1\"/>",
        ] {
            assert_eq!(dial_template(&wrap(good), Family::Legacy), Vec::<String>::new(), "{good}");
        }
        for bad in [
            "<Template MATCH=\"*\"/>",
            "<TEMPLATE Timeout=\"5\"/>",
            "<TEMPLATE MATCH=\"[2-9]XXX\"/>",
            "<TEMPLATE MATCH=\"*\" Timeout=\"-1\"/>",
            "<TEMPLATE MATCH=\"*\" User=\"SIP\"/>",
            "<TEMPLATE MATCH=\"*\" Route=\"Home\"/>",
        ] {
            assert_eq!(dial_template(&wrap(bad), Family::Java).len(), 1, "{bad}");
        }
        let java = b"<dialTemplate><TEMPLATE MATCH=\"*\"/></dialTemplate>";
        assert!(dial_template(java, Family::Java).is_empty());
        assert!(!dial_template(java, Family::Legacy).is_empty());
        assert!(!dial_template(b"", Family::Java).is_empty());
    }

    #[test]
    fn ring_lists() {
        assert!(ring_list(b"Chime\tchime.raw\r\nOld\t\told.raw\n").is_empty());
        assert_eq!(ring_list(b"Chime chime.raw\nOld\told.raw\n"), ["line 1: not a name, a TAB and a file name"]);
    }

    #[test]
    fn defaults_by_model() {
        let model: Model = "7960".parse().unwrap();
        let file = "<Default><callManagerGroup><members><member priority=\"0\"><callManager><ports><ethernetPhonePort>2000\
                    </ethernetPhonePort></ports><processNodeName>192.0.2.1</processNodeName></callManager></member></members>\
                    </callManagerGroup><loadInformation7>P0S3-8-12-00</loadInformation7><loadInformation8/></Default>";
        assert_eq!(xml_default(file.as_bytes(), &model).unwrap().load.as_deref(), Some("P0S3-8-12-00"));
        assert_eq!(xml_default(file.as_bytes(), &"7940".parse().unwrap()).unwrap().load, None);
        assert!(xml_default(b"<Default><loadInformation7>P0S3-8-12-00</loadInformation7></Default>", &model).is_err());
        assert!(xml_default(b"<device/>", &model).is_err());
    }
}

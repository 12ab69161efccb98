//! `.loads`: the signed list of the images of a load.

use super::steps::Release;

/// What the list of a Java phone says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Java {
    /// Images, in the order and with the case of the list.
    pub members: Vec<String>,
    /// `# RELEASE load version`: the release that the images were built as.
    pub release: Option<Release>,
    /// `#HARDWARE_COMP_1`.
    pub hardware: Option<u32>,
    /// The two digits in the names of the images, `45`.
    pub images: Option<String>,
    /// Whether the images speak SIP.
    pub sip: bool,
}

/// Reads the list of a Java phone. Lines end in CR LF, some names in a blank; `None` = it lists nothing.
pub fn java(payload: &[u8]) -> Option<Java> {
    let text = std::str::from_utf8(payload).ok()?;
    let mut list = Java { members: Vec::new(), release: None, hardware: None, images: None, sip: false };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            let comment = comment.trim_start();
            if let Some(build) = comment.strip_prefix("RELEASE load version ") {
                list.release = Release::parse(build.trim());
            } else if let Some(mark) = comment.strip_prefix("HARDWARE_COMP_1 ") {
                list.hardware = mark.trim().parse().ok();
            }
            continue;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("jar") {
            list.images = rest.get(..2).map(str::to_owned);
            list.sip = rest.get(2..).is_some_and(|rest| rest.starts_with("sip"));
        }
        list.members.push(line.to_owned());
    }
    (!list.members.is_empty()).then_some(list)
}

/// What the list of a 7940/7960 says: three lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legacy {
    /// The loader, `P003-8-12-00.sbn`.
    pub loader: String,
    /// The application, `P0S3-8-12-00.sb2`.
    pub app: String,
    /// `LA_VERSION`: the loader's build.
    pub build: String,
}

/// Reads the list of a 7940/7960; `None` = it is none. Nothing is trimmed: the names go into requests as they stand.
pub fn legacy(payload: &[u8]) -> Option<Legacy> {
    let text = std::str::from_utf8(payload).ok()?;
    let (mut loader, mut app, mut build) = (None, None, None);
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        match (line.split_once('='), line.rsplit_once('.')) {
            (Some(("LA_VERSION", value)), _) => build = Some(value.to_owned()),
            (Some(_), _) => {}
            (None, Some((_, "sbn"))) => loader = Some(line.to_owned()),
            (None, Some((_, "sb2"))) => app = Some(line.to_owned()),
            (None, _) => return None,
        }
    }
    Some(Legacy { loader: loader?, app: app?, build: build? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_java_phones() {
        let text = b"# RELEASE load version 9-4-2ES26\r\n#HARDWARE_COMP_1 15\r\nJar45sip.9-4-2ES26.sbn\r\ndsp45.9-4-2ES26.sbn \r\n";
        let list = java(text).unwrap();
        assert_eq!(list.members, ["Jar45sip.9-4-2ES26.sbn", "dsp45.9-4-2ES26.sbn"]);
        assert_eq!((list.hardware, list.images.as_deref(), list.sip), (Some(15), Some("45"), true));
        assert_eq!(list.release.unwrap().to_string(), "9.4.2");
        let sccp = java(b"jar41sccp.8-3-3.sbn\r\n").unwrap();
        assert_eq!((sccp.hardware, sccp.release, sccp.sip), (None, None, false));
        assert_eq!(java(b"# nothing\r\n"), None);
        assert_eq!(java(b"\xff"), None);
    }

    #[test]
    fn lists_of_legacy_phones() {
        let list = legacy(b"P003-8-12-00.sbn\nP0S3-8-12-00.sb2\nLA_VERSION=PAS30830\n").unwrap();
        assert_eq!((&*list.loader, &*list.app, &*list.build), ("P003-8-12-00.sbn", "P0S3-8-12-00.sb2", "PAS30830"));
        // A blank or a CR belongs to the name, and such a name is none.
        for bad in
            ["P003-8-12-00.sbn\nLA_VERSION=PAS30830\n", "P003-8-12-00.sbn\r\nP0S3-8-12-00.sb2\r\nLA_VERSION=A\r\n", ""]
        {
            assert_eq!(legacy(bad.as_bytes()), None, "{bad:?}");
        }
    }
}

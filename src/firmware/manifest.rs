//! What a `.loads` file lists. Pure; takes any bytes.
//!
//! Java phones: a line is a member, some with blanks behind it; `# RELEASE load version …` and `#HARDWARE_COMP_1 n` are
//! the comments worth reading. 7940/7960: two members and `LA_VERSION=`, which names the build of the loader. 7921: name,
//! size and checksum in columns. 78xx: sections, of which a phone takes one platform's files [BYTES][FW812].

use super::container::is_load_file;

/// Longest manifest taken, octets; real ones have 240 to 2,000.
pub const LONGEST: usize = 64 << 10;

/// Most members; the longest seen lists 18.
const MEMBERS: usize = 64;

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Files that the load is made of, in the order in which phones ask for them, as spelt there.
    pub members: Vec<String>,
    /// The build that the members' names carry: `9-4-2ES26`; of a 7940's loader: `PAS30830`.
    pub build: Option<String>,
    /// `HARDWARE_COMP_1`: probably a mask of the hardware that takes it; it rises with the releases.
    pub hardware: Option<u32>,
}

/// Why a manifest is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadManifest {
    /// Longer than any real one.
    #[error("it is longer than {LONGEST} octets, which no manifest is")]
    TooLong,
    /// No text.
    #[error("it is no text")]
    NotText,
    /// A member that is no file name of firmware: a path, a configuration.
    #[error("it lists {0:?}, which is no firmware file's name")]
    Member(String),
    /// More members than any real one.
    #[error("it lists more than {MEMBERS} files, which no manifest does")]
    TooMany,
    /// No member.
    #[error("it lists no file")]
    Nothing,
}

/// Reads the payload of a `.loads` file.
///
/// # Errors
/// See [`BadManifest`]; no part of such a manifest is used.
pub fn parse(payload: &[u8]) -> Result<Manifest, BadManifest> {
    if payload.len() > LONGEST {
        return Err(BadManifest::TooLong);
    }
    let text = std::str::from_utf8(payload).map_err(|_| BadManifest::NotText)?;
    let text = text.trim_end_matches('\0');
    if text.contains(|c: char| c.is_control() && !"\r\n\t".contains(c)) {
        return Err(BadManifest::NotText);
    }
    let mut manifest = Manifest::default();
    let mut section = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        } else if let Some(comment) = line.strip_prefix('#') {
            remark(comment.trim(), &mut manifest);
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim(), value.trim());
            match (section, key) {
                ("", "LA_VERSION") | ("CISCO-ID", "loadversion") => manifest.build = Some(short(value)),
                (platform, _) if platform.starts_with("PLATFORM_") && key != "size" => add(value, &mut manifest)?,
                _ => {}
            }
        } else if let Some(name) = line.split_ascii_whitespace().next() {
            add(name, &mut manifest)?;
        }
    }
    if manifest.members.is_empty() { Err(BadManifest::Nothing) } else { Ok(manifest) }
}

fn remark(comment: &str, manifest: &mut Manifest) {
    if let Some(build) = comment.strip_prefix("RELEASE load version") {
        manifest.build = Some(short(build.trim()));
    } else if let Some(mask) = comment.strip_prefix("HARDWARE_COMP_1") {
        manifest.hardware = mask.trim().parse().ok();
    }
}

fn add(name: &str, manifest: &mut Manifest) -> Result<(), BadManifest> {
    if !is_load_file(name) {
        return Err(BadManifest::Member(name.chars().take(80).collect()));
    }
    if manifest.members.len() >= MEMBERS {
        return Err(BadManifest::TooMany);
    }
    // Two platforms of the 78xx may share a file.
    if !manifest.members.iter().any(|member| member == name) {
        manifest.members.push(name.to_owned());
    }
    Ok(())
}

/// A word of the manifest, as far as it is one.
fn short(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(manifest: &Manifest) -> Vec<&str> {
        manifest.members.iter().map(String::as_str).collect()
    }

    #[test]
    fn java_manifests() {
        let text = "# RELEASE load version 9-4-2ES26\r\n#HARDWARE_COMP_1 15\r\n# made up\r\njar45sip.9-4-2ES26.sbn\r\n\
                    dsp45.9-4-2ES26.sbn \r\ncvm45sip.9-4-2ES26.sbn   \r\n\r\n";
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!(members(&read), ["jar45sip.9-4-2ES26.sbn", "dsp45.9-4-2ES26.sbn", "cvm45sip.9-4-2ES26.sbn"]);
        assert_eq!((read.build.as_deref(), read.hardware), (Some("9-4-2ES26"), Some(15)));
    }

    #[test]
    fn legacy_manifests() {
        let read = parse(b"P003-8-12-00.sbn\nP0S3-8-12-00.sb2\nLA_VERSION=PAS30830\n").unwrap();
        assert_eq!(members(&read), ["P003-8-12-00.sbn", "P0S3-8-12-00.sb2"]);
        assert_eq!((read.build.as_deref(), read.hardware), (Some("PAS30830"), None));
    }

    #[test]
    fn columns_and_sections() {
        let read = parse(b"CP7921G-1.4.5.sbn 123456 0123456789abcdef0123456789abcdef\n").unwrap();
        assert_eq!(members(&read), ["CP7921G-1.4.5.sbn"]);
        let text = "[CISCO-ID]\nversion=1\nhwcompat=1\nloadversion=sip78xx.11-0-1-11\n[PLATFORM_1]\n\
                    sboot=sboot78xx.11-0-1-11.sbn\nsize=10\nkern=kern78xx.11-0-1-11.sbn\nsize=20\n\
                    [PLATFORM_2]\nsboot=sboot278xx.11-0-1-11.sbn\nsize=10\nkern=kern78xx.11-0-1-11.sbn\nsize=20\n";
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!(members(&read), ["sboot78xx.11-0-1-11.sbn", "kern78xx.11-0-1-11.sbn", "sboot278xx.11-0-1-11.sbn"]);
        assert_eq!(read.build.as_deref(), Some("sip78xx.11-0-1-11"));
    }

    /// Z14: path parts, ten megabytes, nothing.
    #[test]
    fn z14_manifests_that_are_none() {
        for member in ["../x.sbn", "/x.sbn", "a/b.sbn", "a\\b.sbn", "C:x.sbn", "SEP000000000000.cnf.xml", "x"] {
            let text = format!("jar45sip.9-4-2ES26.sbn\r\n{member}\r\n");
            assert_eq!(parse(text.as_bytes()), Err(BadManifest::Member(member.to_owned())), "{member}");
        }
        assert_eq!(parse(&vec![b'a'; 10 << 20]), Err(BadManifest::TooLong));
        for nothing in [&b""[..], b"\r\n", b"# only\n", b"LA_VERSION=x\n"] {
            assert_eq!(parse(nothing), Err(BadManifest::Nothing));
        }
        assert_eq!(parse(b"a\x01b.sbn"), Err(BadManifest::NotText));
        assert_eq!(parse(b"\xff\xfe.sbn"), Err(BadManifest::NotText));
        let many: Vec<String> = (0..100).map(|n| format!("a{n}.sbn")).collect();
        assert_eq!(parse(many.join("\n").as_bytes()), Err(BadManifest::TooMany));
    }

    proptest! {
        #[test]
        fn any_bytes_give_names_or_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            if let Ok(manifest) = parse(&bytes) {
                prop_assert!(manifest.members.iter().all(|name| is_load_file(name)));
            }
        }
    }
}

//! Which files make a load, and whether they are all here. Pure.
//!
//! From 7.0 on (6.x in part) a 7940's load has a manifest, as every Java load has; before that the release says what it
//! needs: one `.bin` below 5.0, `.bin` and `.sbn` in 5.x and 6.x [DOC-68244][README-809].

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::archives::{self, Archive};
use super::container::{is_legacy, same_name};
use super::manifest::{BadManifest, Manifest};
use crate::domain::{Load, Signalling};

/// A file of the store, as far as sets are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Name, as phones ask for it.
    pub name: String,
    /// Octets.
    pub size: u64,
    /// SHA-256 of all of it, 64 lower-case hex digits.
    pub sha256: String,
    /// Octets of the signed header, where there is one.
    pub header_len: Option<u64>,
    /// What it lists, where it is a `.loads` file.
    pub manifest: Option<Result<Manifest, BadManifest>>,
}

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SetFile {
    /// Name, as the store has it.
    pub name: String,
    /// Octets.
    pub size: u64,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
}

/// A load with everything that it is made of; the contract names the first six fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FirmwareSet {
    /// The load.
    pub load: String,
    /// [`Load::product`] of the phones it is for: `P0`, `42`.
    pub family: String,
    /// What it speaks; `None` where the name does not say.
    pub protocol: Option<Signalling>,
    /// Whether it may be offered: nothing missing, nothing wrong.
    pub complete: bool,
    /// Names of what is not here.
    pub missing: Vec<String>,
    /// What is here: the manifest, its members in order, the term files, a 7940's unsigned loader.
    pub files: Vec<SetFile>,
    /// `HARDWARE_COMP_1` of the manifest.
    pub hardware: Option<u32>,
    /// Build, as the manifest states it.
    pub build: Option<String>,
    /// Its term files: what a phone asks for after a factory reset. The same name stands in many releases.
    pub term: Vec<String>,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
    /// Which archives of the vendor hold what is missing, where that is known.
    pub archives: Vec<String>,
}

impl FirmwareSet {
    /// The file of this name, as a phone of this family means it.
    pub fn file(&self, name: &str) -> Option<&SetFile> {
        self.files.iter().find(|file| same_name(&file.name, name))
    }

    fn new(load: &str) -> Self {
        let parsed = Load::parse(load);
        let (family, protocol) = match &parsed {
            Some(parsed) => (parsed.product.clone(), Some(parsed.signalling)),
            None if is_legacy(load) => ("P0".to_owned(), None),
            None => by_name(load),
        };
        Self {
            load: load.to_owned(),
            family,
            protocol,
            complete: false,
            missing: Vec::new(),
            files: Vec::new(),
            hardware: None,
            build: None,
            term: Vec::new(),
            problems: Vec::new(),
            archives: Vec::new(),
        }
    }

    fn take(&mut self, file: &File) {
        let file = SetFile { name: file.name.clone(), size: file.size, sha256: file.sha256.clone() };
        if self.file(&file.name).is_none() {
            self.files.push(file);
        }
    }

    /// Takes the file of this name, or notes that it is missing.
    fn need(&mut self, files: &[File], name: &str) {
        match find(files, name) {
            Some(file) => self.take(file),
            None => self.missing.push(name.to_owned()),
        }
    }

    fn judged(mut self) -> Self {
        self.complete = self.missing.is_empty() && self.problems.is_empty();
        if !self.complete {
            self.archives = archives::holding(&self.load).map(Archive::sentence).collect();
        }
        self
    }
}

/// What tests begin with.
/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One hash over the members of a set: the SHA-256 of what `sha256sum` prints of them, in order of name.
pub fn digest(files: &[SetFile]) -> String {
    let mut files: Vec<&SetFile> = files.iter().collect();
    files.sort_unstable();
    let mut all = Sha256::new();
    for file in files {
        all.update(format!("{}  {}\n", file.sha256, file.name));
    }
    hex(&all.finalize())
}

#[cfg(test)]
impl FirmwareSet {
    /// A set of these files, whole.
    pub(crate) fn sample(load: &str, files: Vec<SetFile>) -> Self {
        Self { complete: true, files, ..Self::new(load) }
    }
}

/// `sip78xx.11-0-1-11`, `SIP8941_8945.9-3-1`: what stands before the first dot.
fn by_name(load: &str) -> (String, Option<Signalling>) {
    let product = load.split('.').next().unwrap_or(load);
    for (start, signalling) in [("sccp", Signalling::Sccp), ("sip", Signalling::Sip)] {
        if product.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)) {
            return (product.get(start.len()..).unwrap_or_default().to_owned(), Some(signalling));
        }
    }
    (product.to_owned(), None)
}

/// The file that a phone gets which asks for this name: spelt so, or for the Java phones in any case.
pub fn find<'a>(files: &'a [File], name: &str) -> Option<&'a File> {
    files.iter().find(|file| file.name == name).or_else(|| files.iter().find(|file| same_name(&file.name, name)))
}

/// Whether a name is that of a term file: what the boot loader asks for when it has nothing else.
pub fn is_term(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("term") && name.ends_with(".default.loads")
}

/// Every set that these files begin, complete or not, by its load.
pub fn sets(files: &[File]) -> BTreeMap<String, FirmwareSet> {
    let mut sets = BTreeMap::new();
    let mut loaders = BTreeSet::new();
    for file in files.iter().filter(|file| !is_term(&file.name)) {
        let Some((load, manifest)) = stem(&file.name, ".loads").zip(file.manifest.as_ref()) else { continue };
        let mut set = FirmwareSet::new(load);
        set.take(file);
        match manifest {
            Ok(manifest) => {
                fill(&mut set, manifest, files);
                loaders.extend(manifest.members.iter().filter_map(|member| stem(member, ".sbn")));
            }
            Err(why) => set.problems.push(format!("{} is not believed: {why}", file.name)),
        }
        sets.insert(load.to_owned(), set.judged());
    }
    let without = files.iter().filter_map(|file| {
        [".bin", ".sbn", ".sb2"].into_iter().find_map(|end| stem(&file.name, end)).filter(|load| is_legacy(load))
    });
    for load in without.collect::<BTreeSet<_>>() {
        // `P003-…` is the loader of a SIP load, and no load of its own.
        if !sets.contains_key(load) && !loaders.contains(load) && !load.starts_with("P003-") {
            sets.insert(load.to_owned(), by_rule(load, files));
        }
    }
    sets
}

/// What stands before an ending, in any case.
fn stem<'a>(name: &'a str, end: &str) -> Option<&'a str> {
    let (stem, found) = name.split_at_checked(name.len().checked_sub(end.len())?)?;
    found.eq_ignore_ascii_case(end).then_some(stem)
}

/// A set with a manifest.
fn fill(set: &mut FirmwareSet, manifest: &Manifest, files: &[File]) {
    set.hardware = manifest.hardware;
    set.build.clone_from(&manifest.build);
    for member in &manifest.members {
        set.need(files, member);
    }
    if is_legacy(&set.load) {
        for loader in manifest.members.iter().filter_map(|member| stem(member, ".sbn")) {
            set.unsigned_twin(loader, files);
        }
        return;
    }
    let members = |manifest: &Manifest| -> BTreeSet<String> {
        manifest.members.iter().map(|member| member.to_ascii_lowercase()).collect()
    };
    let own = members(manifest);
    // Of one name the newest counts: the store lists files as they came.
    for file in files.iter().rev().filter(|file| is_term(&file.name)) {
        let lists = file.manifest.as_ref().and_then(|manifest| manifest.as_ref().ok()).map(members);
        if lists.is_some_and(|lists| lists == own) && set.file(&file.name).is_none() {
            set.take(file);
            set.term.push(file.name.clone());
        }
    }
    set.term.sort();
}

impl FirmwareSet {
    /// A loader's unsigned file, which only phones on unsigned loads take; it is the signed one without its header.
    fn unsigned_twin(&mut self, loader: &str, files: &[File]) {
        let Some(bin) = find(files, &format!("{loader}.bin")) else { return };
        self.take(bin);
        self.same_image(loader, files);
    }

    fn same_image(&mut self, stem: &str, files: &[File]) {
        let (Some(bin), Some(sbn)) = (find(files, &format!("{stem}.bin")), find(files, &format!("{stem}.sbn"))) else {
            return;
        };
        if sbn.header_len.is_some_and(|header| sbn.size.checked_sub(header) != Some(bin.size)) {
            self.problems.push(format!(
                "{stem}.bin has {} octets and {stem}.sbn has {} behind its header, where both are one image: one is damaged",
                bin.size,
                sbn.size.saturating_sub(sbn.header_len.unwrap_or(0))
            ));
        }
    }
}

/// A 7940's or 7960's set without manifest, by the rule of its release.
fn by_rule(load: &str, files: &[File]) -> FirmwareSet {
    let mut set = FirmwareSet::new(load);
    let major = Load::parse(load).map_or(0, |load| load.major());
    let needed: &[&str] = match major {
        0..=4 => &[".bin"],
        5 | 6 => &[".bin", ".sbn"],
        _ => &[".loads", ".sb2"],
    };
    for end in needed {
        set.need(files, &format!("{load}{end}"));
    }
    for end in [".bin", ".sbn", ".sb2"] {
        if let Some(file) = find(files, &format!("{load}{end}")) {
            set.take(file);
        }
    }
    set.same_image(load, files);
    set.judged()
}

#[cfg(test)]
mod tests {
    use super::super::manifest;
    use super::*;

    fn file(name: &str, size: u64) -> File {
        let header_len = super::super::container::is_signed_by_name(name).then_some(404);
        File { name: name.to_owned(), size, sha256: format!("{name}:{size}"), header_len, manifest: None }
    }

    fn listing(name: &str, text: &str) -> File {
        let mut file = file(name, 404 + text.len() as u64);
        // Files of one name that say something else are something else.
        file.sha256 = format!("{name}:{text}");
        file.manifest = Some(manifest::parse(text.as_bytes()));
        file
    }

    fn names(set: &FirmwareSet) -> Vec<&str> {
        set.files.iter().map(|file| file.name.as_str()).collect()
    }

    fn sip812() -> Vec<File> {
        vec![
            listing("P0S3-8-12-00.loads", "P003-8-12-00.sbn\nP0S3-8-12-00.sb2\nLA_VERSION=PAS30830\n"),
            file("P003-8-12-00.bin", 130_552),
            file("P003-8-12-00.sbn", 130_956),
            file("P0S3-8-12-00.sb2", 756_524),
        ]
    }

    #[test]
    fn a_set_is_its_manifest_and_all_that_it_lists() {
        let sets = sets(&sip812());
        assert_eq!(sets.len(), 1, "the loader is no set of its own: {:?}", sets.keys());
        let set = &sets["P0S3-8-12-00"];
        assert!(set.complete && set.missing.is_empty() && set.archives.is_empty(), "{set:?}");
        assert_eq!((set.family.as_str(), set.protocol), ("P0", Some(Signalling::Sip)));
        assert_eq!(set.build.as_deref(), Some("PAS30830"));
        assert_eq!(names(set), ["P0S3-8-12-00.loads", "P003-8-12-00.sbn", "P0S3-8-12-00.sb2", "P003-8-12-00.bin"]);
    }

    /// Z14: each component taken away, and the manifest.
    #[test]
    fn z14_what_is_missing_is_named_and_the_set_is_not_complete() {
        let all = sip812();
        for gone in ["P003-8-12-00.sbn", "P0S3-8-12-00.sb2"] {
            let files: Vec<File> = all.iter().filter(|file| file.name != gone).cloned().collect();
            let set = &sets(&files)["P0S3-8-12-00"];
            assert!(!set.complete, "{gone}");
            assert_eq!(set.missing, [gone]);
        }
        let without: Vec<File> = all.iter().skip(1).cloned().collect();
        let set = &sets(&without)["P0S3-8-12-00"];
        assert!(!set.complete);
        assert_eq!(set.missing, ["P0S3-8-12-00.loads"]);
        let mut bad = all.clone();
        bad[0] = listing("P0S3-8-12-00.loads", "../x.sbn\n");
        let set = &sets(&bad)["P0S3-8-12-00"];
        assert!(!set.complete && set.problems.len() == 1, "{set:?}");
    }

    /// Another case is another file to a 7940, and the same one to the others.
    #[test]
    fn case_counts_for_the_7940_alone() {
        let mut files = sip812();
        files[2].name = "p003-8-12-00.sbn".to_owned();
        assert_eq!(sets(&files)["P0S3-8-12-00"].missing, ["P003-8-12-00.sbn"]);
        let files = [listing("SCCP11.8-2-2SR1S.loads", "Jar11sccp.8-2-2.sbn\r\n"), file("jar11sccp.8-2-2.sbn", 9)];
        let set = &sets(&files)["SCCP11.8-2-2SR1S"];
        assert!(set.complete, "{set:?}");
        assert_eq!(set.file("JAR11SCCP.8-2-2.sbn").unwrap().name, "jar11sccp.8-2-2.sbn");
    }

    #[test]
    fn one_of_two_images_that_should_be_one_is_damaged() {
        let mut files = sip812();
        files[1].size -= 512;
        let set = &sets(&files)["P0S3-8-12-00"];
        assert!(!set.complete && set.problems.len() == 1 && set.missing.is_empty(), "{set:?}");
    }

    #[test]
    fn loads_without_a_manifest_by_their_release() {
        for (present, load, missing) in [
            (&["P00303010102.bin"][..], "P00303010102", &[][..]),
            (&["P00305000500.bin", "P00305000500.sbn"], "P00305000500", &[]),
            (&["P00305000500.sbn"], "P00305000500", &["P00305000500.bin"]),
            (&["P00305000500.bin"], "P00305000500", &["P00305000500.sbn"]),
            (&["P0S3-06-3-00.bin", "P0S3-06-3-00.sbn"], "P0S3-06-3-00", &[]),
            (&["P0S30202.bin"], "P0S30202", &[]),
            (&["P00308000900.bin", "P00308000900.sbn"], "P00308000900", &["P00308000900.loads", "P00308000900.sb2"]),
        ] {
            let files: Vec<File> =
                present.iter().map(|name| file(name, if name.ends_with("bin") { 1_000 } else { 1_404 })).collect();
            let sets = sets(&files);
            assert_eq!(sets.keys().collect::<Vec<_>>(), [load]);
            assert_eq!(sets[load].missing, missing, "{load}");
            assert_eq!(sets[load].complete, missing.is_empty(), "{load}");
        }
        assert!(sets(&[file("P003-07-4-00.sbn", 1_404)]).is_empty(), "a loader alone is no set");
    }

    /// The same term name stands in every release and both protocols: each set has the one that lists what it lists.
    #[test]
    fn term_files_belong_to_the_set_whose_members_they_list() {
        let list = |protocol: &str, build: &str| format!("jar45{protocol}.{build}.sbn\r\ncnu45.{build}.sbn \r\n");
        let mut files = Vec::new();
        for (load, protocol, build) in [
            ("SIP45.9-4-2SR3-1S", "sip", "9-4-2ES26"),
            ("SCCP45.9-4-2SR3-1S", "sccp", "9-4-2ES26"),
            ("SIP45.8-5-2S", "sip", "8-5-2TH1-9"),
        ] {
            let text = list(protocol, build);
            files.push(listing(&format!("{load}.loads"), &format!("#HARDWARE_COMP_1 15\r\n{text}")));
            for term in ["term45.default.loads", "term65.default.loads"] {
                files.push(listing(term, &text));
            }
            files.push(file(&format!("jar45{protocol}.{build}.sbn"), 9));
            files.push(file(&format!("cnu45.{build}.sbn"), 9));
        }
        let sets = sets(&files);
        assert_eq!(sets.len(), 3);
        for (load, lists) in [
            ("SIP45.9-4-2SR3-1S", list("sip", "9-4-2ES26")),
            ("SCCP45.9-4-2SR3-1S", list("sccp", "9-4-2ES26")),
            ("SIP45.8-5-2S", list("sip", "8-5-2TH1-9")),
        ] {
            let set = &sets[load];
            assert!(set.complete, "{set:?}");
            assert_eq!((set.family.as_str(), set.hardware), ("45", Some(15)));
            assert_eq!(set.term, ["term45.default.loads", "term65.default.loads"]);
            let term = set.file("term65.default.loads").unwrap();
            assert_eq!(term.sha256, format!("term65.default.loads:{lists}"), "{load}");
        }
    }

    #[test]
    fn families_of_other_generations() {
        for (load, family, protocol) in [
            ("sip78xx.11-0-1-11", "78xx", Some(Signalling::Sip)),
            ("SIP69xx.9-4-1-3SR2", "69xx", Some(Signalling::Sip)),
            ("SCCP894x.9-4-2SR1-2", "894x", Some(Signalling::Sccp)),
            ("CP7921G-1.4.5", "CP7921G-1", None),
        ] {
            let set = &sets(&[listing(&format!("{load}.loads"), "a.sbn\n")])[load];
            assert_eq!((set.family.as_str(), set.protocol), (family, protocol), "{load}");
        }
    }
}

//! The store over a folder of its own, archives taken apart on the spot: what is kept, what is refused, and what a kill leaves.

use std::fs;
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use super::*;

/// A signed file of this name.
fn signed(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0x0E];
    body.extend(u16::try_from(name.len() + 1).unwrap().to_be_bytes());
    body.extend(name.as_bytes());
    body.push(0);
    let len = u16::try_from(10 + body.len()).unwrap();
    [&[1, 0, 2, 1, 1, 2, 0, 2][..], &len.to_be_bytes(), &body, payload].concat()
}

fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut entry = [&header[..], content].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<u8> = files.iter().flat_map(|(name, content)| entry(name, content)).collect();
    [entries, vec![0; 1_024]].concat()
}

fn file_of(octets: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(octets).unwrap();
    file.rewind().unwrap();
    file
}

const SIP: &str = "P0S3-8-12-00";

/// A SIP set of a 7960; what its application holds is the test's to say.
fn set(app: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let manifest = b"P003-8-12-00.sbn\nP0S3-8-12-00.sb2\nLA_VERSION=PAS30830\n";
    vec![
        ("P0S3-8-12-00.loads", signed("P0S3-8-12-00.loads", manifest)),
        ("P003-8-12-00.sbn", signed("P003-8-12-00.sbn", &[3; 2_000])),
        ("P0S3-8-12-00.sb2", signed("P0S3-8-12-00.sb2", app)),
    ]
}

fn nobody(_: &str, _: &[&SetFile]) -> Option<String> {
    None
}

struct House {
    folder: TempDir,
    store: Store,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("firmware"), Unpack::Here).unwrap();
        Self { folder, store }
    }

    fn add(&self, name: &str, octets: &[u8]) -> Result<Imported, ImportError> {
        self.store.import(name, file_of(octets), false, &nobody)
    }

    fn reopened(self) -> Self {
        let Self { folder, store } = self;
        drop(store);
        let store = Store::open(&folder.path().join("firmware"), Unpack::Here).unwrap();
        Self { folder, store }
    }

    fn blobs(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path().join("firmware/blobs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn blob(&self, sha256: &str) -> std::path::PathBuf {
        self.folder.path().join("firmware/blobs").join(sha256)
    }

    fn complete(&self, load: &str) -> bool {
        self.store.index().set(load).is_some_and(|set| set.complete)
    }
}

#[test]
fn a_set_is_kept_shared_and_private() {
    let house = House::new();
    let imported = house.add("a.tar", &tar(&set(&[7; 5_000]))).unwrap();
    assert_eq!(imported.added.len(), 3);
    assert!(imported.loads[0].complete && imported.summary.contains("is complete"), "{imported:?}");
    // Again: nothing is stored twice, and what is known is said.
    let again = house.add("b.tar", &tar(&set(&[7; 5_000]))).unwrap();
    assert_eq!((again.added.len(), again.known.len(), house.blobs().len()), (0, 3, 3));
    let house = house.reopened();
    assert!(house.complete(SIP));
    let index = house.store.index();
    let file = index.file("P0S3-8-12-00.sb2", Some(SIP)).unwrap();
    assert_eq!(index.file("P0S3-8-12-00.sb2", None).unwrap(), file);
    assert_eq!(index.file("p0s3-8-12-00.sb2", Some(SIP)), None, "a 7960 asks with exact case");
    let (one, two) = (house.store.read(&file.sha256).unwrap(), house.store.read(&file.sha256).unwrap());
    assert_eq!(one.as_ptr(), two.as_ptr(), "one copy for all");
    assert!(one.ends_with(&[7; 5_000]));
    for path in ["firmware", "firmware/blobs"] {
        let mode = fs::metadata(house.folder.path().join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{path}");
    }
    for blob in house.blobs() {
        assert_eq!(fs::metadata(house.blob(&blob)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn single_files_make_a_set_one_by_one() {
    let house = House::new();
    for (at, (name, content)) in set(&[7; 900]).iter().enumerate() {
        assert!(!house.complete(SIP));
        let imported = house.add(name, content).unwrap();
        assert_eq!(imported.added, [*name]);
        assert_eq!(imported.loads.first().map(|set| set.complete), Some(at == 2));
    }
    assert!(house.complete(SIP));
}

/// I1: each component taken away, or one bit of it turned: the set is not complete any more, and is again once it is brought.
#[test]
fn i1_what_is_damaged_is_in_no_set() {
    for (name, _) in set(&[7; 900]) {
        for gone in [true, false] {
            let house = House::new();
            house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
            let sha256 = house.store.index().file(name, Some(SIP)).unwrap().sha256;
            let blob = house.blob(&sha256);
            if gone {
                fs::remove_file(&blob).unwrap();
                house.store.look();
            } else {
                let mut content = fs::read(&blob).unwrap();
                *content.last_mut().unwrap() ^= 1;
                fs::write(&blob, content).unwrap();
                // The size is as it was: whoever reads it finds out, or whoever checks.
                assert!(house.store.read(&sha256).is_err());
            }
            assert!(!house.complete(SIP), "{name} {gone}");
            assert!(house.store.verify(None).unwrap().iter().all(|set| !set.complete));
            house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
            assert!(house.complete(SIP), "{name} {gone}: brought again");
            assert!(house.store.verify(Some(SIP)).unwrap()[0].complete);
        }
    }
}

#[test]
fn a_check_finds_what_nobody_read() {
    let house = House::new();
    house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
    let sha256 = house.store.index().file("P0S3-8-12-00.sb2", Some(SIP)).unwrap().sha256;
    let mut content = fs::read(house.blob(&sha256)).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(house.blob(&sha256), &content).unwrap();
    assert!(house.complete(SIP));
    assert!(!house.store.verify(Some(SIP)).unwrap()[0].complete);
    *content.last_mut().unwrap() ^= 1;
    fs::write(house.blob(&sha256), content).unwrap();
    assert!(house.store.verify(Some(SIP)).unwrap()[0].complete, "put right by hand");
    assert!(matches!(house.store.verify(Some("SIP99.9-9-9S")), Err(StoreError::Unknown(_))));
}

/// A link in the folder of blobs leads nowhere.
#[test]
fn links_are_not_followed() {
    let house = House::new();
    house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
    let sha256 = house.store.index().file("P0S3-8-12-00.sb2", Some(SIP)).unwrap().sha256;
    let copy = house.folder.path().join("copy");
    fs::rename(house.blob(&sha256), &copy).unwrap();
    std::os::unix::fs::symlink(&copy, house.blob(&sha256)).unwrap();
    assert!(house.store.read(&sha256).is_err());
    assert!(house.store.read("../../../copy").is_err());
}

/// Z12: one archive, one file of a name.
#[test]
fn z12_names_twice_in_an_archive() {
    let house = House::new();
    let a = || ("a.sbn", signed("a.sbn", b"one"));
    for (second, words) in
        [(("a.sbn", signed("a.sbn", b"two")), "twice"), (("A.sbn", signed("A.sbn", b"one")), "case alone")]
    {
        let why = house.add("a.tar", &tar(&[a(), second])).unwrap_err().to_string();
        assert!(why.contains(words), "{why}");
    }
    assert!(house.blobs().is_empty() && house.store.index().records.is_empty());
    assert_eq!(house.add("a.tar", &tar(&[a(), a()])).unwrap().added, ["a.sbn"]);
}

/// Z13: another content under a name of the store.
#[test]
fn z13_another_content_only_by_word_and_not_under_a_phone() {
    let house = House::new();
    house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
    let before = house.store.index().file("P0S3-8-12-00.sb2", Some(SIP)).unwrap();
    let other = tar(&set(&[8; 900]));
    let clash = house.add("b.tar", &other).unwrap_err();
    assert!(matches!(&clash, ImportError::Clash { name, .. } if name == "P0S3-8-12-00.sb2"), "{clash}");
    let on_the_way = house.store.import("b.tar", file_of(&other), true, &|load, files| {
        (load == SIP && files == [&before]).then(|| "a phone took it".to_owned())
    });
    let on_the_way = on_the_way.unwrap_err();
    assert!(matches!(on_the_way, ImportError::InUse { .. }), "{on_the_way}");
    assert_eq!(house.store.index().file("P0S3-8-12-00.sb2", Some(SIP)).unwrap(), before);
    house.store.import("b.tar", file_of(&other), true, &nobody).unwrap();
    assert_ne!(house.store.index().file("P0S3-8-12-00.sb2", Some(SIP)).unwrap(), before);
    assert!(house.complete(SIP));
    assert_eq!(house.blobs().len(), 3, "what nothing names is gone");
}

/// One archive's term file is another's clash no more than its own: each set has its own.
#[test]
fn term_files_of_two_releases_live_together() {
    let house = House::new();
    let release = |load: &str, build: &str| {
        let member = format!("jar45sip.{build}.sbn");
        let manifest = format!("{member}\r\n").into_bytes();
        [
            (format!("{load}.loads"), manifest.clone()),
            ("term45.default.loads".to_owned(), manifest),
            (member, build.as_bytes().to_vec()),
        ]
        .map(|(name, payload)| (name.clone(), signed(&name, &payload)))
    };
    for (load, build) in [("SIP45.8-5-2S", "8-5-2"), ("SIP45.9-4-2SR3-1S", "9-4-2ES26")] {
        let files = release(load, build);
        let files: Vec<(&str, Vec<u8>)> =
            files.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
        house.add("a.tar", &tar(&files)).unwrap();
    }
    let index = house.store.index();
    assert!(house.complete("SIP45.8-5-2S") && house.complete("SIP45.9-4-2SR3-1S"));
    let term = |load| index.file("term45.default.loads", Some(load)).unwrap().sha256;
    assert_ne!(term("SIP45.8-5-2S"), term("SIP45.9-4-2SR3-1S"));
    assert_eq!(index.file("term45.default.loads", None), None, "of which set is not said");
    assert_eq!(index.files_named("TERM45.default.loads").count(), 2);
}

/// Z16: what is no firmware is refused by name, and the set stays incomplete.
#[test]
fn z16_unsound_members_leave_the_set_incomplete() {
    for content in [Vec::new(), vec![0; 900], b"<html>".to_vec(), b"text".to_vec(), signed("other.sb2", b"x")] {
        let house = House::new();
        let mut files = set(&[7; 900]);
        files[2].1.clone_from(&content);
        let imported = house.add("a.tar", &tar(&files)).unwrap();
        assert_eq!((imported.added.len(), imported.refused.len()), (2, 1), "{imported:?}");
        assert_eq!(imported.loads[0].missing, ["P0S3-8-12-00.sb2"]);
        assert!(!house.complete(SIP));
    }
}

/// Z14, Z20: a manifest that is none makes no set; an archive without firmware is refused.
#[test]
fn z14_z20_archives_without_firmware() {
    let house = House::new();
    for (name, files, words) in [
        (
            "config.tar",
            vec![("SEP001122334455.cnf.xml", b"x".to_vec()), ("OS79XX.TXT", b"x".to_vec())],
            "no firmware file",
        ),
        ("nothing.tar", vec![], "cut short"),
        ("zeros.tar", vec![("a.sbn", vec![0; 100])], "zeros"),
    ] {
        let octets = if files.is_empty() { b"x".repeat(600) } else { tar(&files) };
        let why = house.add(name, &octets).unwrap_err().to_string();
        let words = if files.is_empty() { "not an archive" } else { words };
        assert!(why.contains(words) && why.starts_with(name), "{why}");
    }
    let manifest = signed("P0S3-8-12-00.loads", b"../x.sbn\n");
    house.add("P0S3-8-12-00.loads", &manifest).unwrap();
    assert!(!house.complete(SIP) && house.store.index().set(SIP).unwrap().problems.len() == 1);
}

#[test]
fn a_load_is_removed_but_for_what_others_need_and_not_under_a_phone() {
    let house = House::new();
    house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
    let second = signed("P0S3-8-11-00.loads", b"P003-8-12-00.sbn\n");
    house.add("P0S3-8-11-00.loads", &second).unwrap();
    let used = house.store.remove(SIP, &|_, _| Some("it is in use".to_owned()));
    assert!(matches!(used, Err(StoreError::InUse { .. })));
    assert!(matches!(house.store.remove("x", &nobody), Err(StoreError::Unknown(_))));
    assert!(house.complete(SIP));
    house.store.remove(SIP, &nobody).unwrap();
    let house = house.reopened();
    assert!(house.store.index().set(SIP).is_none() && house.complete("P0S3-8-11-00"));
    assert_eq!(house.blobs().len(), 2);
    house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
    assert!(house.complete(SIP));
}

/// Killed at each step of an import: all of it or nothing, no rest, and the next import succeeds.
#[test]
fn killed_at_each_step_of_an_import() {
    let mut acknowledged = 0;
    for step in 0..40 {
        let house = House::new();
        house.add("first.sbn", &signed("first.sbn", b"first")).unwrap();
        house.store.disk.steps_left.store(step, Ordering::Relaxed);
        let outcome = house.add("a.tar", &tar(&set(&[7; 900])));
        let house = house.reopened();
        let names = house.store.index().records.len();
        assert!(names == 1 || names == 4, "step {step}: {names} names");
        if outcome.is_ok() {
            acknowledged += 1;
            assert_eq!(names, 4, "step {step}: what was acknowledged is lost");
        }
        assert_eq!(house.blobs().len(), names, "step {step}: a rest");
        assert_eq!(fs::read_dir(house.folder.path().join("firmware/tmp")).unwrap().count(), 0, "step {step}");
        house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
        assert!(house.complete(SIP), "step {step}");
    }
    assert!((1..40).contains(&acknowledged), "some were killed and some were not: {acknowledged}");
}

#[test]
fn an_index_that_is_lost_is_made_anew() {
    for damage in [None, Some(&b"{\"version\":1,"[..]), Some(b"{\"version\":9,\"files\":[]}")] {
        let house = House::new();
        house.add("a.tar", &tar(&set(&[7; 900]))).unwrap();
        let mut image = vec![9; 0x60];
        image[0x20..0x40].fill(0);
        image[0x20..0x2C].copy_from_slice(b"P003-8-12-00");
        house.add("P003-8-12-00.bin", &image).unwrap();
        let nameless = house.add("P00303010102.bin", &[7; 400]).unwrap();
        assert_eq!(nameless.added.len(), 1);
        let before = house.store.index().records.len();
        let path = house.folder.path().join("firmware/index.json");
        match damage {
            None => fs::remove_file(path).unwrap(),
            Some(text) => fs::write(path, text).unwrap(),
        }
        let house = house.reopened();
        // One says nothing of itself: it is set aside and not deleted.
        assert_eq!(house.store.index().records.len(), before - 1, "{damage:?}");
        assert_eq!(fs::read_dir(house.folder.path().join("firmware/lost")).unwrap().count(), 1);
        assert!(house.store.index().files_named("P003-8-12-00.bin").next().is_some());
        let set = house.store.index().set(SIP).cloned().unwrap();
        assert!(set.missing.is_empty(), "{set:?}");
    }
}

/// Z19, Z5: what is too large is refused before anything is written.
#[test]
fn z19_no_room_or_too_large() {
    let house = House::new();
    let large = house.store.spool("a.zip", 600 << 20).unwrap_err();
    assert!(matches!(large, ImportError::TooLarge { .. }), "{large}");
    let sparse = tempfile::tempfile().unwrap();
    sparse.set_len(600 << 20).unwrap();
    assert!(matches!(house.store.import("a.zip", sparse, false, &nobody), Err(ImportError::TooLarge { .. })));
}

/// Z18: two at once bring the same: one store, each file once.
#[test]
fn z18_two_bring_the_same_at_once() {
    let house = House::new();
    let archive = tar(&set(&vec![7; 90_000]));
    std::thread::scope(|scope| {
        let both = [0, 1].map(|_| scope.spawn(|| house.add("a.tar", &archive)));
        for one in both {
            one.join().unwrap().unwrap();
        }
    });
    assert_eq!(house.blobs().len(), 3);
    assert_eq!(house.store.index().records.len(), 3);
    assert!(house.complete(SIP));
}

//! Made-up firmware against the phones' own readers, and its archives against other people's.
#![allow(clippy::case_sensitive_file_extension_comparisons)]

use std::io::Read as _;
use std::process::Command;

use super::super::flash::{image, manifest};
use super::archive::{Form, pack};
use super::*;

fn find<'a>(files: &'a [File], name: &str) -> &'a File {
    files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("{name} is not in {files:?}"))
}

#[test]
fn headers_have_the_length_of_the_real_ones() {
    // Lengths from the reference: 404 for every 7940/7960 file, 404 to 412 on Java phones.
    for (name, length) in [
        ("P0S3-8-12-00.sb2", 404),
        ("P003-8-12-00.sbn", 404),
        ("P0S3-8-12-00.loads", 404),
        ("P00308000900.loads", 404),
        ("SIP45.9-3-1SR4-1S.loads", 408),
    ] {
        let file = signed(name, b"payload");
        assert_eq!(file.bytes.len() - 7, length, "{name}");
        assert_eq!(image::signed(&file.bytes), Ok(image::Signed { name, payload: b"payload" }));
    }
}

#[test]
fn legacy_sets_have_the_files_of_their_era() {
    let names = |load: &str| set(load).unwrap().into_iter().map(|file| file.name).collect::<Vec<_>>();
    assert_eq!(names("P00303010102"), ["P00303010102.bin"]);
    assert_eq!(names("P00305000500"), ["P00305000500.bin", "P00305000500.sbn"]);
    assert_eq!(names("P0S3-06-3-00"), ["P0S3-06-3-00.bin", "P0S3-06-3-00.sbn"]);
    assert_eq!(
        names("P00308000900"),
        ["P00308000900.bin", "P00308000900.sbn", "P00308000900.loads", "P00308000900.sb2"]
    );
    assert_eq!(
        names("P0S3-8-12-00"),
        ["P003-8-12-00.bin", "P003-8-12-00.sbn", "P0S3-8-12-00.loads", "P0S3-8-12-00.sb2"]
    );
    let files = set("P0S3-8-12-00").unwrap();
    let list = image::signed(&find(&files, "P0S3-8-12-00.loads").bytes).unwrap().payload;
    assert_eq!(list, b"P003-8-12-00.sbn\nP0S3-8-12-00.sb2\nLA_VERSION=PAS30830\n");
    // sbn = bin + 404 bytes, as in all real sets.
    let (bin, sbn) = (find(&files, "P003-8-12-00.bin"), find(&files, "P003-8-12-00.sbn"));
    assert_eq!(sbn.bytes[404..], bin.bytes);
    for load in LEGACY {
        let files = set(load).unwrap();
        for file in &files {
            if !file.name.ends_with(".loads") {
                let signed = !file.name.ends_with(".bin");
                let marks = image::legacy(&file.bytes, &file.name, signed).unwrap();
                assert_eq!(marks.build.is_some(), files.len() == 4 && !file.name.ends_with(".sb2"), "{}", file.name);
            }
        }
    }
}

#[test]
fn builds_of_loaders_tell_the_sets_apart() {
    let mut builds: Vec<_> = LEGACY.iter().filter_map(|load| image::build_of(&LoadId::new(load))).collect();
    assert!(builds.iter().all(|build| build.len() == 8 && build.starts_with("PAS")), "{builds:?}");
    let count = builds.len();
    builds.sort();
    builds.dedup();
    assert_eq!(builds.len(), count);
    let loader = image::build_of(&LoadId::new("P003-07-4-00"));
    assert_eq!(loader, image::build_of(&LoadId::new("P0S3-07-4-00")));
}

#[test]
fn java_sets_list_what_they_hold() {
    for family in java_families() {
        for protocol in ["SIP", "SCCP"] {
            for (release, build) in BUILDS {
                let load = format!("{protocol}{family}.{release}");
                let files = set(&load).unwrap();
                let list = image::signed(&find(&files, &format!("{load}.loads")).bytes).unwrap().payload;
                let list = manifest::java(list).unwrap();
                assert_eq!(list.members.len(), 5);
                assert_eq!(list.members[0], format!("jar{family}{}.{build}.sbn", protocol.to_lowercase()));
                assert_eq!((list.images.as_deref(), list.sip), (Some(family), protocol == "SIP"));
                for member in &list.members {
                    image::java(&find(&files, member).bytes, member).unwrap();
                }
                for term in files.iter().filter(|file| file.name.starts_with("term")) {
                    let own = image::signed(&term.bytes).unwrap();
                    assert_eq!((own.name, manifest::java(own.payload).as_ref()), (&*term.name, Some(&list)));
                }
            }
        }
    }
    let hardware = |load: &str| {
        let files = set(load).unwrap();
        manifest::java(image::signed(&files[0].bytes).unwrap().payload).unwrap().hardware
    };
    for (load, mark) in [
        ("SIP42.8-5-4S", Some(1)),
        ("SIP42.9-4-2SR3-1S", Some(5)),
        ("SIP45.8-5-4S", None),
        ("SIP45.9-3-1SR4-1S", Some(7)),
        ("SIP45.9-4-2SR3-1S", Some(15)),
        ("SCCP41.9-4-2SR3-1S", None),
    ] {
        assert_eq!(hardware(load), mark, "{load}");
    }
    for load in ["SIP12.9-4-2SR3-1S", "SIP42.7-0-0S", "SIP42", "x", "", "P003-8-12-00", "P0S3"] {
        assert_eq!(set(load), None, "{load}");
    }
}

#[test]
fn size_is_as_asked_and_content_always_the_same() {
    let big = set_of_size("SIP41.8-5-4S", 100_000).unwrap();
    assert!(big.iter().filter(|file| file.name.ends_with(".sbn")).all(|file| file.bytes.len() > 100_000));
    assert_eq!(set("SIP41.8-5-4S"), set("SIP41.8-5-4S"));
    let loader = &set_of_size("P0S3-8-12-00", 1_000_000).unwrap()[0];
    assert!(loader.bytes.len() < image::LARGEST_LOADER);
}

#[test]
fn every_damage_is_seen() {
    let java = set("SIP45.9-4-2SR3-1S").unwrap();
    let member = find(&java, "jar45sip.9-4-2ES26.sbn");
    let legacy = set("P0S3-8-12-00").unwrap();
    for damage in Damage::ALL {
        assert!(image::java(&damage.done_to(member).bytes, &member.name).is_err(), "{damage:?}");
        assert!(image::signed(&damage.done_to(&java[0]).bytes).is_err() || *damage == Damage::Renamed, "{damage:?}");
        for file in legacy.iter().filter(|file| !file.name.ends_with(".loads")) {
            let signed = !file.name.ends_with(".bin");
            let bytes = damage.done_to(file).bytes;
            assert!(image::legacy(&bytes, &file.name, signed).is_err(), "{damage:?} {}", file.name);
        }
    }
    // No cut and no byte in the header panics, and none is taken for the whole.
    for cut in 0..member.bytes.len().min(1000) {
        assert!(image::java(&member.bytes[..cut], &member.name).is_err(), "{cut}");
    }
    for at in 0..412 {
        let mut bytes = member.bytes.clone();
        bytes[at] = bytes[at].wrapping_add(7);
        let _ = image::java(&bytes, &member.name);
    }
}

/// Other people's programs read what is written here.
#[test]
fn archives_are_read_by_tar_and_unzip() {
    let folder = tempfile::tempdir().unwrap();
    let files = set("P0S3-8-12-00").unwrap();
    for form in Form::ALL {
        let file = pack("cmterm-7940-7960-sip.8-12", &files, *form);
        assert!(file.name.ends_with(form.ending()), "{}", file.name);
        let mut bytes = file.bytes.clone();
        if matches!(form, Form::CopSgn | Form::CopSha512 | Form::Nested) {
            let cut = image::signed(&bytes).unwrap();
            assert_eq!(cut.name, file.name);
            bytes = cut.payload.to_vec();
        }
        if *form == Form::Nested {
            let mut outer = Vec::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut outer).unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&outer[124..135]).unwrap(), 8).unwrap();
            assert!(outer.starts_with(b"cmterm-7940-7960-sip.8-12.tar\0"));
            bytes = outer[512..512 + size].to_vec();
        }
        let path = folder.path().join("archive");
        std::fs::write(&path, &bytes).unwrap();
        let out = folder.path().join(format!("{form:?}"));
        std::fs::create_dir(&out).unwrap();
        let done = if *form == Form::Zip {
            // Python's reader stands in where unzip is absent.
            Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&path).arg(&out).status()
        } else {
            Command::new("tar").arg("-xf").arg(&path).arg("-C").arg(&out).status()
        };
        match done {
            Ok(status) => assert!(status.success(), "{form:?}"),
            Err(error) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: {form:?}: {error}");
                continue;
            }
            Err(error) => panic!("{form:?}: {error}"),
        }
        let at = if out.join("usr").is_dir() { out.join("usr/local/cm/tftp") } else { out };
        for file in &files {
            assert!(std::fs::read(at.join(&file.name)).unwrap() == file.bytes, "{form:?} {}", file.name);
        }
    }
}

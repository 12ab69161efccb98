//! Firmware of any content: an archive is taken apart into whole files or refused, a file is told, a manifest read.

use offhook::firmware::container::{HEAD, Head, Inspector, head, is_load_file};
use offhook::firmware::import::frames::Frame;
use offhook::firmware::import::walk::Walk;
use offhook::firmware::manifest;

/// The bytes are an archive, or a single file.
pub fn archive(data: &[u8]) {
    let mut pipe = Vec::new();
    Walk::new(&mut pipe).run("a.cop.sgn", &mut &data[..]).expect("memory takes it");
    let mut pipe = pipe.as_slice();
    let (mut open, mut last) = (false, false);
    while let Some(frame) = Frame::read(&mut pipe).expect("whole frames") {
        assert!(!last, "nothing follows the last word");
        match frame {
            Frame::Begin(name) => {
                assert!(!open && is_load_file(&name), "{name:?}");
                open = true;
            }
            Frame::Data(_) => assert!(open),
            Frame::End => {
                assert!(open);
                open = false;
            }
            Frame::Ignored(_) | Frame::Note(_) => assert!(!open),
            Frame::Refused(why) => {
                assert!(!why.is_empty(), "a refusal has a reason");
                last = true;
            }
            Frame::Done => {
                assert!(!open, "every file has its end");
                last = true;
            }
        }
    }
    assert!(last, "there is a last word");
}

/// The bytes are one file of firmware.
pub fn file(data: &[u8]) {
    let name = match head(data.get(..HEAD).unwrap_or(data)) {
        Head::Signed(container) => {
            if let Some(payload) = data.get(container.header_len..) {
                let _ = manifest::parse(payload);
            }
            container.name
        }
        _ => "jar45sip.9-4-2ES26.sbn".to_owned(),
    };
    let mut inspector = Inspector::default();
    data.chunks(1_000).for_each(|piece| inspector.push(piece));
    if let Ok(sound) = inspector.finish(&name) {
        assert_eq!(sound.len, data.len() as u64);
    }
    let _ = manifest::parse(data);
}

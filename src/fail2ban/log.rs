//! Reads the log of fail2ban as it grows. An edge: reads that file and the one that it was rotated to, and writes nothing.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most of a file that is read at once, in octets: a line has 100, so that is 40,000 of them.
const MOST: u64 = 4 * 1024 * 1024;

/// Longest line that is read on, in octets.
const LINE: usize = 4_096;

/// A file that grows, and is rotated or cut now and then.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    looked: bool,
    /// The file, by its number, and how far it was read.
    read: Option<(u64, u64)>,
    /// The beginning of a line whose end was not written yet.
    rest: Vec<u8>,
}

impl Log {
    /// That file; nothing of it is read yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, looked: false, read: None, rest: Vec::new() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines that were written since the last call; at the first, all there are, with those of the file before the last
    /// rotation. Whether it was the first. A file that is not there has none.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn lines(&mut self) -> io::Result<(Vec<String>, bool)> {
        let first = !std::mem::replace(&mut self.looked, true);
        let (mut file, is) = match open(&self.path) {
            Ok(opened) => opened,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok((Vec::new(), first)),
            Err(why) => return Err(why),
        };
        let mut bytes = Vec::new();
        let mut from = 0;
        match self.read {
            Some((inode, at)) if inode == is.ino() && at <= is.len() => from = at,
            // Of the file that it was rotated to the rest is still to come.
            Some((inode, at)) => {
                if let Ok((mut before, was)) = open(&rotated(&self.path))
                    && was.ino() == inode
                {
                    read(&mut before, at, &mut bytes)?;
                } else {
                    self.rest.clear();
                }
            }
            // It was not there when it was looked for first: all that is in it is new.
            None if !first => {}
            None => {
                if let Ok((mut before, was)) = open(&rotated(&self.path)) {
                    read(&mut before, was.len().saturating_sub(MOST), &mut bytes)?;
                }
                from = is.len().saturating_sub(MOST);
            }
        }
        let read = read(&mut file, from, &mut bytes)?;
        self.read = Some((is.ino(), from.saturating_add(read)));
        Ok((self.split(&bytes), first))
    }

    /// Whole lines; a longer one than any that is understood is left out.
    fn split(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend(part.iter().take(LINE.saturating_sub(self.rest.len())));
            if part.ends_with(b"\n") {
                lines.push(String::from_utf8_lossy(&self.rest).trim_end().to_owned());
                self.rest.clear();
            }
        }
        lines
    }
}

/// As logrotate calls it, with `delaycompress`.
fn rotated(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // A FIFO would be waited for.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    let file = File::open(path)?;
    let is = file.metadata()?;
    Ok((file, is))
}

fn read(file: &mut File, from: u64, into: &mut Vec<u8>) -> io::Result<u64> {
    file.seek(SeekFrom::Start(from))?;
    Ok(file.take(MOST).read_to_end(into)? as u64)
}

#[cfg(test)]
mod tests {
    use std::fs::{OpenOptions, rename, write};
    use std::io::Write;

    use super::*;

    fn append(path: &Path, text: &str) {
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn it_grows_is_rotated_and_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fail2ban.log");
        let mut log = Log::new(path.clone());
        assert_eq!(log.lines().unwrap(), (vec![], true), "it is not there yet");
        append(&path, "0\n");
        assert_eq!(log.lines().unwrap(), (vec!["0".to_owned()], false), "it was not there before");
        std::fs::remove_file(&path).unwrap();
        let mut log = Log::new(path.clone());
        append(&rotated(&path), "a\n");
        append(&path, "b\nc\nhal");
        let (lines, first) = log.lines().unwrap();
        assert_eq!((lines, first), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], true));
        append(&path, "f\nd\n");
        assert_eq!(log.lines().unwrap(), (vec!["half".to_owned(), "d".to_owned()], false));
        append(&path, "e\nf\n");
        rename(&path, rotated(&path)).unwrap();
        append(&path, "g\n");
        assert_eq!(log.lines().unwrap().0, ["e", "f", "g"]);
        // copytruncate
        write(&path, "").unwrap();
        assert_eq!(log.lines().unwrap().0, [""; 0]);
        append(&path, "h\n");
        assert_eq!(log.lines().unwrap().0, ["h"]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(log.lines().unwrap(), (vec![], false));
    }

    #[test]
    fn whatever_is_in_it_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fail2ban.log");
        let mut long = vec![b'x'; 9 * 1024 * 1024];
        long.extend(b"\n\xff\xfe\0\nlast\n");
        write(&path, &long).unwrap();
        let mut log = Log::new(path.clone());
        let lines = log.lines().unwrap().0;
        assert_eq!((lines.len(), lines[0].len(), lines[2].as_str()), (3, LINE, "last"));
        let mut folder = Log::new(folder.path().to_owned());
        assert_eq!(folder.lines().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

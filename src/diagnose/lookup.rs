//! What the firmware store has to say of a name that a phone wants. Each name is looked up once for each state of the store:
//! thousands of phones want the same, and to look for a name that is nearly the same takes the whole store.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::firmware::store::Index;

/// Names that are remembered, of files and of loads; whoever asks for more of them is looked up anew.
const NAMES: usize = 1_024;

/// Most edits of a slip.
const EDITS: usize = 3;

/// Longer than any name is no slip, and the distance costs their product.
const LONGEST: usize = 64;

/// The store, as rules ask it.
#[derive(Debug, Default)]
pub struct Lookup {
    index: Arc<Index>,
    files: RefCell<HashMap<String, File>>,
    loads: RefCell<HashMap<String, Load>>,
    #[cfg(test)]
    searches: std::cell::Cell<usize>,
}

/// A file that a phone did not get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The load whose set is here and lacks it.
    pub lacking: Option<String>,
    /// The name that is here and may be meant.
    pub meant: Option<String>,
}

/// A load that a phone is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// A whole set of it is here.
    pub here: bool,
    /// The load that is here and may be meant.
    pub meant: Option<String>,
}

impl Lookup {
    /// Of that state of the store.
    pub fn new(index: Arc<Index>) -> Self {
        Self { index, ..Self::default() }
    }

    /// The state of the store that it is of.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What there is to say of a file.
    pub fn file(&self, name: &str) -> File {
        self.remembered(&self.files, name, |index| {
            let same = |missing: &String| missing.eq_ignore_ascii_case(name);
            let lacking = index.sets.values().find(|set| set.missing.iter().any(same)).map(|set| set.load.clone());
            let held: BTreeSet<&str> = index.records.iter().map(|record| record.name.as_str()).collect();
            let meant = near(held.into_iter(), name).filter(|near| !near.eq_ignore_ascii_case(name));
            File { lacking, meant: meant.map(str::to_owned) }
        })
    }

    /// What there is to say of a load.
    pub fn load(&self, name: &str) -> Load {
        self.remembered(&self.loads, name, |index| {
            let here = index.sets.values().any(|set| set.complete && set.load.eq_ignore_ascii_case(name));
            let meant = if here { None } else { near(index.sets.keys().map(String::as_str), name) };
            let meant = meant.filter(|near| !near.eq_ignore_ascii_case(name));
            Load { here, meant: meant.map(str::to_owned) }
        })
    }

    fn remembered<T: Clone>(&self, of: &RefCell<HashMap<String, T>>, name: &str, look: impl Fn(&Index) -> T) -> T {
        // Never held while anything else is done, so that it is free.
        let Ok(mut known) = of.try_borrow_mut() else { return look(&self.index) };
        if let Some(found) = known.get(name) {
            return found.clone();
        }
        #[cfg(test)]
        self.searches.set(self.searches.get() + 1);
        let found = look(&self.index);
        if known.len() >= NAMES {
            known.clear();
        }
        known.insert(name.to_owned(), found.clone());
        found
    }

    /// How often the store was searched.
    #[cfg(test)]
    pub(crate) fn searches(&self) -> usize {
        self.searches.get()
    }
}

/// The name that is meant by one with a slip in it.
fn near<'a>(names: impl Iterator<Item = &'a str>, meant: &str) -> Option<&'a str> {
    let upper = meant.to_ascii_uppercase();
    // So many edits it takes at least.
    let alike = |name: &&str| meant.len() <= LONGEST && name.len().abs_diff(meant.len()) <= EDITS;
    let edits = |name: &str| strsim::osa_distance(&name.to_ascii_uppercase(), &upper);
    let near = names.filter(alike).map(|name| (edits(name), name)).min_by_key(|(edits, _)| *edits)?;
    (near.0 <= EDITS).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::set::{FirmwareSet, SetFile};

    fn lookup() -> Lookup {
        let file = |name: &str| SetFile { name: name.to_owned(), size: 4, sha256: name.to_owned() };
        let whole = |load: &str| FirmwareSet::sample(load, vec![file(&format!("{load}.loads"))]);
        let half = FirmwareSet {
            complete: false,
            missing: vec!["cnu42.9-4-2ES26.sbn".to_owned()],
            ..whole("SIP42.9-4-2SR3-1S")
        };
        Lookup::new(Arc::new(Index::sample(vec![whole("P0S3-8-12-00"), whole("P0S3-8-9-00"), half])))
    }

    #[test]
    fn what_is_lacking_and_what_is_meant() {
        let lookup = lookup();
        for (name, lacking, meant) in [
            ("P0S3-8-12-0.loads", None, Some("P0S3-8-12-00.loads")),
            ("p0s3-8-12-00.loads", None, None),
            ("CNU42.9-4-2ES26.sbn", Some("SIP42.9-4-2SR3-1S"), None),
            ("RINGLIST.DAT", None, None),
            ("", None, None),
        ] {
            let found = lookup.file(name);
            assert_eq!((found.lacking.as_deref(), found.meant.as_deref()), (lacking, meant), "{name}");
        }
        for (name, here, meant) in [
            ("P0S3-8-12-00", true, None),
            ("p0s3-8-9-00", true, None),
            ("P0S3-8-12-0O", false, Some("P0S3-8-12-00")),
            ("SIP42.9-4-2SR3-1S", false, None),
            ("SIP42.9-4-2SR31S", false, Some("SIP42.9-4-2SR3-1S")),
            ("SCCP75.9-4-2SR3-1S", false, None),
            (&"P".repeat(1_000), false, None),
        ] {
            let found = lookup.load(name);
            assert_eq!((found.here, found.meant.as_deref()), (here, meant), "{name}");
        }
    }

    #[test]
    fn a_name_is_looked_up_once_and_no_more_names_are_kept_than_some() {
        let lookup = lookup();
        for _ in 0..5_000 {
            lookup.file("P0S3-8-12-0.loads");
            lookup.load("P0S3-8-12-0");
        }
        assert_eq!(lookup.searches(), 2);
        for n in 0..3 * NAMES {
            lookup.file(&n.to_string());
        }
        assert!(lookup.files.borrow().len() <= NAMES);
    }
}

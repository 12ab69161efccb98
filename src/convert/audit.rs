//! What the audit log says of firmware, so that it can be told later what exactly a phone was taken to, and by which rules.

use std::collections::BTreeMap;

use super::Step;
use crate::firmware::plan::Paths;
use crate::firmware::set;

/// Digits of a set's hash that are shown.
const DIGITS: usize = 16;

/// `[P0S3-8-12-00 0f3c…, paths 91ab…]`: the sets of these steps by their hashes, and the version of the catalogue of paths.
pub fn made_of<'a>(steps: impl IntoIterator<Item = &'a Step>) -> String {
    let sets: BTreeMap<&str, String> =
        steps.into_iter().map(|step| (step.to.as_str(), set::digest(&step.files))).collect();
    let mut parts: Vec<String> =
        sets.iter().map(|(load, digest)| format!("{load} {}", digest.get(..DIGITS).unwrap_or(digest))).collect();
    parts.push(format!("paths {}", Paths::version()));
    format!("[{}]", parts.join(", "))
}

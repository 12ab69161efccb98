//! Ranges of releases as `paths.toml` writes them: `7.4`, `from 6`, `up to 3`, `before 8.3(3)`, `after 8.5(2)`,
//! `8.3(3) to 8.5(2)`.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use serde::Deserialize;

/// [`crate::domain::Load::version`].
type Version = [u16; 4];

/// Releases between two bounds; prints as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Range {
    text: String,
    bounds: (Bound<Version>, Bound<Version>),
}

impl Range {
    /// Whether this release is in it.
    pub fn contains(&self, version: Version) -> bool {
        self.bounds.contains(&version)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bounds = if let Some(first) = text.strip_prefix("from ") {
            (Bound::Included(release(first)?.0), Bound::Unbounded)
        } else if let Some(first) = text.strip_prefix("after ") {
            (Bound::Excluded(release(first)?.1), Bound::Unbounded)
        } else if let Some(last) = text.strip_prefix("up to ") {
            (Bound::Unbounded, Bound::Included(release(last)?.1))
        } else if let Some(last) = text.strip_prefix("before ") {
            (Bound::Unbounded, Bound::Excluded(release(last)?.0))
        } else {
            let (first, last) = text.split_once(" to ").unwrap_or((&text, &text));
            (Bound::Included(release(first)?.0), Bound::Included(release(last)?.1))
        };
        Ok(Self { text, bounds })
    }
}

/// The first and the last version that a release means: `7` is all of 7.x, `8.5(2)` is that one without its service
/// releases.
fn release(text: &str) -> Result<(Version, Version), String> {
    let wrong = || format!("{text:?} is no release such as 7, 8.12, 8.5(2) or 9.3(1)SR4");
    let (number, service) = text.split_once("SR").map_or((text, None), |(number, service)| (number, Some(service)));
    let (number, maintenance) = match number.strip_suffix(')') {
        Some(open) => open.split_once('(').map(|(number, inside)| (number, Some(inside))).ok_or_else(wrong)?,
        None => (number, None),
    };
    if service.is_some() && maintenance.is_none() {
        return Err(wrong());
    }
    let parts = number.splitn(2, '.').chain(maintenance).chain(service);
    let (mut first, mut last) = ([0; 4], [u16::MAX; 4]);
    let mut stated = 0;
    for ((low, high), part) in first.iter_mut().zip(&mut last).zip(parts) {
        *low = part.parse().map_err(|_| wrong())?;
        *high = *low;
        stated += 1;
    }
    // Four parts where the maintenance number is stated, or `5(3)` would mean 5.3.
    if maintenance.is_some() && (stated < 3 || !number.contains('.')) {
        return Err(wrong());
    }
    if let ([.., low], [.., high], 3) = (&first, &mut last, stated) {
        *high = *low;
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_it_says() {
        for (text, inside, outside) in [
            ("7", vec![[7, 0, 0, 0], [7, 4, 0, 0]], vec![[6, 9, 9, 9], [8, 0, 0, 0]]),
            ("8.12", vec![[8, 12, 0, 0], [8, 12, 3, 1]], vec![[8, 11, 9, 9], [8, 13, 0, 0]]),
            ("8.5(2)", vec![[8, 5, 2, 0]], vec![[8, 5, 2, 1], [8, 5, 1, 0], [8, 5, 3, 0]]),
            ("8.5(2)SR1", vec![[8, 5, 2, 1]], vec![[8, 5, 2, 0], [8, 5, 2, 2]]),
            ("from 6", vec![[6, 0, 0, 0], [9, 0, 0, 0]], vec![[5, 9, 9, 9]]),
            ("up to 3", vec![[0, 0, 0, 0], [3, 9, 9, 9]], vec![[4, 0, 0, 0]]),
            ("before 8.3(3)", vec![[8, 3, 2, 9]], vec![[8, 3, 3, 0], [9, 0, 0, 0]]),
            ("after 8.5(2)", vec![[8, 5, 2, 1], [9, 0, 0, 0]], vec![[8, 5, 2, 0]]),
            ("8.3(3) to 8.5(2)", vec![[8, 3, 3, 0], [8, 3, 3, 2], [8, 5, 2, 0]], vec![[8, 3, 2, 0], [8, 5, 2, 1]]),
            ("7 to 8.12", vec![[7, 0, 0, 0], [8, 12, 0, 0]], vec![[6, 3, 0, 0], [8, 13, 0, 0]]),
        ] {
            let range = Range::try_from(text.to_owned()).unwrap();
            assert_eq!(range.to_string(), text);
            for version in inside {
                assert!(range.contains(version), "{text}: {version:?}");
            }
            for version in outside {
                assert!(!range.contains(version), "{text}: {version:?}");
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "x", "from", "from x", "8.x", "8.5(", "8.5(2", "5(3)", "8SR1", "8.5(2)SR", "1 to", "8.70000"] {
            assert!(Range::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}

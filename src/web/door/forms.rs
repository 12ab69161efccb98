//! What the forms of a page say beside what they ask for, so that they are known to come from a page of this session.

use super::key;

/// What the forms of a session's pages say, in the query of their action: a form without a script, an upload that is a stream, and
/// a program that borrows a session say it in the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forms(String);

const KEY: &str = "form=";

impl Forms {
    /// Of the session of this id.
    pub(super) fn of(id: &str) -> Self {
        Self(key::of_forms(id))
    }

    /// Whether this query says it.
    pub(super) fn said_by(&self, query: &str) -> bool {
        // Both have chance enough in them that how long a comparison takes tells nothing of use: the id is asked for first.
        query.split('&').any(|pair| pair.strip_prefix(KEY) == Some(self.0.as_str()))
    }

    /// What stands in the address of a page, as `said`, whose form was of a session that ended: none but the door can say it.
    pub fn former(&self) -> String {
        key::of_forms(&self.0)
    }

    /// What an action ends with.
    pub fn query(&self) -> String {
        format!("?{KEY}{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_or_not() {
        let forms = Forms::of("one");
        let said = forms.query();
        let said = said.strip_prefix('?').unwrap();
        for query in [said, &format!("a=b&{said}"), &format!("form=x&{said}&c")] {
            assert!(forms.said_by(query), "{query}");
        }
        for query in ["", "form=", "form", &said[..said.len() - 1], &format!("{said}0"), &format!("x{said}")] {
            assert!(!forms.said_by(query), "{query}");
        }
        assert!(!Forms::of("other").said_by(said));
        assert!(forms.former() != Forms::of("other").former() && !forms.said_by(&format!("form={}", forms.former())));
    }
}

//! What was refused, in the shape of RFC 9457.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was refused: what, on what, why, what to do. `application/problem+json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// One sentence.
    pub detail: String,
    /// The same sentence, under the name by which command lines and FreePBX modules of before know it.
    pub error: String,
}

impl Problem {
    /// The sentence, also of a daemon that has only the older name.
    pub fn sentence(self) -> String {
        if self.detail.is_empty() { self.error } else { self.detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_of_before_is_understood() {
        let problem: Problem = serde_json::from_str(r#"{"error":"phone X is not assigned"}"#).unwrap();
        assert_eq!(problem.sentence(), "phone X is not assigned");
    }
}

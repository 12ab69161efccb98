//! axe-core: what of a page keeps people with a screen reader, a keyboard or weak eyes from using it.

use std::process::Command;

use super::browser::Browser;
use super::{in_repository, run, succeed};

fn script() -> Command {
    Command::new(in_repository("tests/env/axe"))
}

/// Whether it was fetched.
pub(crate) fn is_there() -> Result<(), String> {
    let found = run(script().arg("path")).status.success();
    found.then_some(()).ok_or_else(|| "axe-core is absent".to_owned())
}

/// The library, as text.
pub(crate) fn library() -> String {
    std::fs::read_to_string(succeed(script().arg("path")).trim()).unwrap()
}

impl Browser {
    /// Rules that the page breaks: of WCAG, A and AA, and of what is held to be good practice.
    pub(crate) async fn breaks(&self, library: &str) -> Vec<String> {
        self.driver.execute(library, vec![]).await.unwrap();
        let look = "const done = arguments[arguments.length - 1];
            axe.run(document).then((found) => done(found.violations.map((one) =>
                one.id + ': ' + one.help + ': ' + one.nodes.map((node) => node.html + ' ' + node.failureSummary).join('; '))),
                (why) => done([String(why)]))";
        let found = self.driver.execute_async(look, vec![]).await.unwrap();
        let found = found.as_array().unwrap().iter();
        found.map(|rule| rule.as_str().unwrap().to_owned()).collect()
    }
}

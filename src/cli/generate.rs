//! `offhook generate`: man pages and completions, for the package.

use std::path::Path;

use clap::ValueEnum;
use clap_complete::Shell;

use super::args::{Generate, command};
use super::findings;
use super::report::Failure;

pub(super) fn generate(what: Generate, folder: &Path) -> Result<(), Failure> {
    let done = std::fs::create_dir_all(folder).and_then(|()| match what {
        Generate::Man => clap_mangen::generate_to(command(), folder).and_then(|()| findings::write(folder)),
        Generate::Completion => Shell::value_variants()
            .iter()
            .filter(|shell| matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish))
            .try_for_each(|shell| clap_complete::generate_to(*shell, &mut command(), "offhook", folder).map(|_| ())),
    });
    done.map_err(|why| Failure::failed(format!("{} could not be written: {why}", folder.display())))
}

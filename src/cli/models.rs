//! `offhook models list`, `show M`: the catalogue; needs no daemon.

use super::args::Models;
use super::report::{Failure, Out, table};
use crate::catalog::{Catalog, Family, Model};

pub(super) fn run(verb: Models, out: Out) -> Result<(), Failure> {
    let catalog = Catalog::builtin();
    match verb {
        Models::List => {
            let models: Vec<&Model> = catalog.models().map(AsRef::as_ref).collect();
            out.show(&models, |models| {
                let head = ["MODEL", "KEYS", "READS", "LOADS", "AFTER A RESET", "UNVERIFIED"];
                table(&head, &models.iter().map(|model| row(model)).collect::<Vec<_>>())
            });
            Ok(())
        }
        Models::Show { model } => {
            let found = catalog.find(&model).map_err(|why| Failure::failed(why.to_string()))?;
            out.show(found.as_ref(), |model| toml::to_string_pretty(model).unwrap_or_default());
            Ok(())
        }
    }
}

fn row(model: &Model) -> Vec<String> {
    let (reads, loads) = match model.family {
        Family::Legacy => ("SIP<MAC>.cnf", "P0S3, P003".to_owned()),
        Family::Java => ("SEP<MAC>.cnf.xml", format!("SIP{0}, SCCP{0}", model.load_family)),
    };
    vec![
        model.name.to_string(),
        model.lines.to_string(),
        reads.to_owned(),
        loads,
        model.term.as_deref().and_then(|file| file.split('.').next()).unwrap_or_default().to_owned(),
        model.unverified.join(", "),
    ]
}

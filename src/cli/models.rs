//! `offhook models list`, `show M`: the catalogue; needs no daemon.

use super::args::Models;
use super::report::{Failure, Out, table};
use crate::catalog::{Catalog, Model};
use crate::domain::ModelName;

pub(super) fn run(verb: Models, out: Out) -> Result<(), Failure> {
    let catalog = Catalog::builtin();
    match verb {
        Models::List => {
            let models: Vec<&Model> = catalog.models().map(AsRef::as_ref).collect();
            out.show(&models, |models| {
                let row =
                    |model: &&Model| vec![model.name.to_string(), model.lines.to_string(), model.load_family.clone()];
                table(&["MODEL", "KEYS", "LOADS"], &models.iter().map(row).collect::<Vec<_>>())
            });
            Ok(())
        }
        Models::Show { model } => {
            let Some(found) = catalog.get(&ModelName::new(&model)) else {
                let known = catalog.models().map(|m| m.name.to_string()).collect::<Vec<_>>().join(", ");
                return Err(Failure::failed(format!("{model:?} is no model of the catalogue: it has {known}")));
            };
            out.show(found.as_ref(), |model| toml::to_string_pretty(model).unwrap_or_default());
            Ok(())
        }
    }
}

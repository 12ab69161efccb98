//! What a phone model is: data.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Line, Load, ModelName, Problem};

/// The kind of configuration a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// 7940/7960: `SIP<MAC>.cnf`.
    Legacy,
    /// Java phones: `SEP<MAC>.cnf.xml`.
    Java,
}

/// One catalogue entry.
#[derive(Clone, Debug)]
pub struct Model {
    /// Catalogue name.
    pub name: ModelName,
    /// Which configuration it reads.
    pub family: Family,
    /// Line keys.
    pub lines: u8,
}

/// All models.
#[derive(Clone, Debug)]
pub struct Catalog {
    models: BTreeMap<ModelName, Arc<Model>>,
}

impl Catalog {
    /// The models compiled in.
    pub fn builtin() -> Self {
        Self { models: BTreeMap::new() }
    }

    /// The model of that name.
    pub fn get(&self, name: &ModelName) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// All, by name.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }
}

impl Model {
    /// Can this model (running `load`, if known) carry the line? `Ok` holds warnings, `Err` why it must be left out.
    ///
    /// # Errors
    /// The problem, with the value's length, the limit and the remedy.
    pub fn fit(&self, line: &Line, load: Option<&Load>) -> Result<Vec<Problem>, Problem> {
        let _ = (line, load);
        Ok(Vec::new())
    }
}

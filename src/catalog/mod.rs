//! What a phone model is: data.
//!
//! One TOML file per model over one file per family; parsed once at start-up, and again for what a site adds or
//! overrides. Finding a model by what a phone says of itself (vendor class, user agent, load) is here, and so is the
//! question whether a model can carry a line ([`Model::fit`]). No file format and no template is known here.

mod codes;
mod fit;
mod model;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::{Table, Value};

use crate::domain::{Load, ModelName};

pub use codes::CODES;
pub(crate) use fit::is_emergency;
pub use model::{Charset, Family, Limits, Model, Quirk, Release, Request, TextLimit};

/// What models of a family share, by the family's name.
const FAMILIES: [(&str, &str); 2] = [("legacy", include_str!("legacy.toml")), ("java", include_str!("java.toml"))];

/// One file per model, with the family it builds on.
const MODELS: [(&str, &str); 4] = [
    ("legacy", include_str!("7940.toml")),
    ("legacy", include_str!("7960.toml")),
    ("java", include_str!("7942.toml")),
    ("java", include_str!("7962.toml")),
];

/// Why a model's text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Not TOML, or a key that is unknown, missing or of the wrong type.
    #[error("model file: {0}")]
    Syntax(String),
    /// No `name`.
    #[error("model file: `name` is missing; it says which model the file adds or overrides")]
    NoName,
    /// A new model whose `family` is none of ours.
    #[error("model file for {0}: a new model needs `family = \"legacy\"` or `family = \"java\"`")]
    NoFamily(ModelName),
    /// A value that makes no sense.
    #[error("model file for {0}: {1}")]
    Value(ModelName, String),
}

/// A model name that the catalogue does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model {asked:?} in the catalogue; known are {}", known.join(", "))]
pub struct UnknownModel {
    /// As the user wrote it.
    pub asked: String,
    /// Catalogue names, sorted.
    pub known: Vec<String>,
}

/// All models.
#[derive(Clone, Debug)]
pub struct Catalog {
    models: BTreeMap<ModelName, Arc<Model>>,
    /// The merged text of each model, for overrides to build on.
    tables: BTreeMap<ModelName, Table>,
}

impl Catalog {
    /// The models compiled in.
    pub fn builtin() -> Self {
        let mut catalog = Self { models: BTreeMap::new(), tables: BTreeMap::new() };
        for (family, text) in MODELS {
            let own = text.parse().expect("the compiled-in models are proven to parse by a test");
            let mut table = family_table(family).expect("every compiled-in model names a family of ours");
            merge(&mut table, own);
            catalog.insert(table).expect("the compiled-in models are proven to be valid by a test");
        }
        catalog
    }

    /// Adds a model, or overrides keys of one that is known by the same name. Lists replace, except `quirks`, which
    /// are added. A model that is refused leaves the catalogue as it was.
    ///
    /// # Errors
    /// Text that is not TOML, unknown or missing keys, values out of range.
    pub fn with_override(&mut self, toml_text: &str) -> Result<(), CatalogError> {
        let own: Table = toml_text.parse().map_err(|e: toml::de::Error| CatalogError::Syntax(e.to_string()))?;
        let name = own.get("name").and_then(Value::as_str).map(ModelName::new).ok_or(CatalogError::NoName)?;
        let base = match self.tables.get(&name) {
            Some(table) => Some(table.clone()),
            None => own.get("family").and_then(Value::as_str).and_then(family_table),
        };
        let mut table = base.ok_or(CatalogError::NoFamily(name))?;
        merge(&mut table, own);
        self.insert(table)
    }

    /// The model of that name.
    pub fn get(&self, name: &ModelName) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// The model that a user means, in any spelling (`7960`, `CP-7960G`).
    ///
    /// # Errors
    /// The name asked for and the names there are.
    pub fn find(&self, name: &str) -> Result<&Arc<Model>, UnknownModel> {
        self.models.get(&ModelName::new(name)).ok_or_else(|| UnknownModel {
            asked: name.to_owned(),
            known: self.models.keys().map(ToString::to_string).collect(),
        })
    }

    /// All, by name.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// The model that sends this vendor class (DHCP option 60). Compared whole, since the string of one state of a phone is a
    /// prefix of another's; trailing NULs are dropped, which some phones send and some do not.
    pub fn by_vendor_class(&self, class: &str) -> Option<&Arc<Model>> {
        let class = class.trim_end_matches('\0');
        self.models().find(|m| m.vendor_classes.iter().any(|known| known == class))
    }

    /// The model that says this in `User-Agent`: `Cisco-CP7960G/8.0`, `Cisco-CP7942G/9.4.2`.
    pub fn by_user_agent(&self, user_agent: &str) -> Option<&Arc<Model>> {
        let product = user_agent.trim().split(['/', ' ']).next()?;
        self.models().find(|m| m.user_agents.iter().any(|known| known.eq_ignore_ascii_case(product)))
    }

    /// The models that this load is made for: one load serves a whole family of hardware.
    pub fn by_load(&self, load: &Load) -> impl Iterator<Item = &Arc<Model>> {
        self.models().filter(|m| m.load_family == load.product)
    }

    /// The model whose boot loader asks for this `termNN.default.loads`.
    pub fn by_term(&self, file: &str) -> Option<&Arc<Model>> {
        self.models().find(|m| m.term.as_deref().is_some_and(|term| term.eq_ignore_ascii_case(file)))
    }

    fn insert(&mut self, table: Table) -> Result<(), CatalogError> {
        let model: Model =
            table.clone().try_into().map_err(|e: toml::de::Error| CatalogError::Syntax(e.to_string()))?;
        let model = model.checked().map_err(|(name, why)| CatalogError::Value(name, why))?;
        self.tables.insert(model.name.clone(), table);
        self.models.insert(model.name.clone(), Arc::new(model));
        Ok(())
    }
}

fn family_table(name: &str) -> Option<Table> {
    let (_, text) = FAMILIES.iter().find(|(family, _)| *family == name)?;
    Some(text.parse().expect("the compiled-in families are proven to parse by a test"))
}

/// `own` over `base`: tables key by key, `quirks` added up, everything else replaced.
fn merge(base: &mut Table, own: Table) {
    for (key, value) in own {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(own)) => merge(base, own),
            (Some(Value::Array(base)), Value::Array(own)) if key == "quirks" => base.extend(own),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SipTransport;

    #[test]
    fn every_compiled_in_model_parses_and_is_told_from_the_others() {
        let catalog = Catalog::builtin();
        let names: Vec<_> = catalog.models().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["7940", "7942", "7960", "7962"]);
        for model in catalog.models() {
            for class in &model.vendor_classes {
                assert_eq!(catalog.by_vendor_class(class).unwrap().name, model.name);
                assert_eq!(catalog.by_vendor_class(&format!("{class}\0")).unwrap().name, model.name);
            }
            for spelling in &model.spellings {
                assert_eq!(catalog.find(spelling).unwrap().name, model.name);
            }
            for request in &model.requests {
                assert!(!request.file.contains("<jar>") && !request.file.contains("<term>"), "{}", request.file);
            }
        }
        let facts: Vec<_> = catalog.models().map(|m| (m.lines, m.device_number, m.load_family.as_str())).collect();
        assert_eq!(facts, [(2, 8, "P0"), (2, 434, "42"), (6, 7, "P0"), (6, 404, "42")]);
    }

    #[test]
    fn what_phones_say_leads_to_the_model() {
        let catalog = Catalog::builtin();
        for (agent, model) in [
            ("Cisco-CP7960G/8.0", Some("7960")),
            ("Cisco-CP7942G/9.4.2", Some("7942")),
            ("Cisco-CP7942G-GE/9.4.2", None),
            ("Asterisk PBX", None),
            ("", None),
        ] {
            assert_eq!(catalog.by_user_agent(agent).map(|m| m.name.as_str()), model, "{agent}");
        }
        for (class, model) in [
            ("Cisco Systems, Inc. IP Phone CP-7960G\0", Some("7960")),
            ("Cisco Systems, Inc. IP Phone\0", None),
            ("Cisco Systems, Inc. IP Phone CP-7960G-3PCC", None),
        ] {
            assert_eq!(catalog.by_vendor_class(class).map(|m| m.name.as_str()), model, "{class}");
        }
        for (load, models) in [("P0S3-8-12-00", ["7940", "7960"]), ("SIP42.9-4-2SR3-1S", ["7942", "7962"])] {
            let found: Vec<_> = catalog.by_load(&Load::parse(load).unwrap()).map(|m| m.name.as_str()).collect();
            assert_eq!(found, models);
        }
        assert_eq!(catalog.by_term("term62.default.loads").unwrap().name.as_str(), "7962");
    }

    #[test]
    fn a_site_overrides_and_adds() {
        let mut catalog = Catalog::builtin();
        catalog
            .with_override("name = \"CP-7962G\"\n[limits]\nlabel = 11\n[[quirks]]\ntext = \"t\"\nsource = \"site\"\n")
            .unwrap();
        let model = catalog.find("7962").unwrap();
        assert_eq!((model.limits.label, model.limits.display_name, model.lines), (11, 30, 6));
        assert_eq!(model.quirks.last().unwrap().source, "site");
        catalog
            .with_override(
                "name = \"7945\"\nfamily = \"java\"\nlines = 2\ndevice_number = 435\nload_family = \"45\"\n\
                 vendor_classes = [\"Cisco Systems, Inc. IP Phone CP-7945G\"]\nuser_agents = [\"Cisco-CP7945G\"]\n\
                 term = \"term45.default.loads\"\nlocale_jar = \"be-sip.jar\"\n",
            )
            .unwrap();
        let added = catalog.find("CP-7945G").unwrap();
        assert!(added.requests.iter().any(|r| r.file == "<locale>/be-sip.jar"));
        let release = Load::parse("SIP45.9-3-1SR4-1S");
        assert_eq!(added.default_transport(release.as_ref()), SipTransport::Tcp);
    }

    #[test]
    fn what_makes_no_model_is_refused_and_changes_nothing() {
        for (text, part) in [
            ("name = ", "model file"),
            ("lines = 2", "`name` is missing"),
            ("name = \"7999\"\nlines = 2", "needs `family"),
            ("name = \"7960\"\nlines = 0", "lines"),
            ("name = \"7960\"\nlinez = 2", "linez"),
            (
                "name = \"7962\"\n[[firmware]]\nfrom = 1\ntransport = \"udp\"\nelements = { \"a><b\" = \"0\" }",
                "element",
            ),
            ("name = \"7962\"\nfirmware = []", "firmware"),
        ] {
            let mut catalog = Catalog::builtin();
            let error = catalog.with_override(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert_eq!(catalog.find("7960").unwrap(), Catalog::builtin().find("7960").unwrap());
        }
        let error = Catalog::builtin().find("7961").unwrap_err().to_string();
        assert_eq!(error, "no model \"7961\" in the catalogue; known are 7940, 7942, 7960, 7962");
    }

    #[test]
    fn the_transport_goes_by_release() {
        let catalog = Catalog::builtin();
        for (model, load, transport) in [
            ("7960", Some("P0S3-8-12-00"), SipTransport::Udp),
            ("7960", None, SipTransport::Udp),
            ("7942", Some("SIP42.8-5-4S"), SipTransport::Udp),
            ("7942", Some("SIP42.9-4-2SR3-1S"), SipTransport::Tcp),
            ("7942", None, SipTransport::Tcp),
        ] {
            let load = load.and_then(Load::parse);
            assert_eq!(catalog.find(model).unwrap().default_transport(load.as_ref()), transport);
        }
    }
}

//! What a phone model is: data.
//!
//! One TOML file per model in `models/`, each over the one of its family beside this; parsed once at start-up, and again
//! for what a site adds or overrides. `build.rs` embeds whatever is in that folder: a file more is a model more
//! (`docs/models.md` has the recipe). Finding a model by what a phone says of itself (vendor class, user agent, load) is
//! here, and so is the question whether a model can carry a line ([`Model::fit`]). No file format and no template is
//! known here.

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
pub use model::{Charset, Family, FeatureKey, Limits, Model, NotifyEvent, Quirk, Release, Request, TextLimit};

/// What models of a family share, by the family's name.
const FAMILIES: [(&str, &str); 2] = [("legacy", include_str!("legacy.toml")), ("java", include_str!("java.toml"))];

/// Every file in `models/`, by name: file name and text.
const MODELS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/models.rs"));

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
    /// Spellings that are another name than the model's own: 7971 for the 7971G-GE.
    aliases: BTreeMap<ModelName, ModelName>,
}

impl Catalog {
    /// The models compiled in.
    pub fn builtin() -> Self {
        let mut catalog = Self { models: BTreeMap::new(), tables: BTreeMap::new(), aliases: BTreeMap::new() };
        for (_, text) in MODELS {
            catalog.with_override(text).expect("the compiled-in models are proven to be valid by a test");
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
        let base = match self.tables.get(self.name(&name)) {
            Some(table) => Some(table.clone()),
            None => own.get("family").and_then(Value::as_str).and_then(family_table),
        };
        let mut table = base.ok_or_else(|| CatalogError::NoFamily(name.clone()))?;
        merge(&mut table, own);
        table.insert("name".to_owned(), Value::String(self.name(&name).to_string()));
        self.insert(table)
    }

    /// The model of that name, or of that spelling.
    pub fn get(&self, name: &ModelName) -> Option<&Arc<Model>> {
        self.models.get(self.name(name))
    }

    /// The model that a user means, in any spelling (`7960`, `CP-7960G`).
    ///
    /// # Errors
    /// The name asked for and the names there are.
    pub fn find(&self, name: &str) -> Result<&Arc<Model>, UnknownModel> {
        self.get(&ModelName::new(name)).ok_or_else(|| UnknownModel {
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

    /// The models whose boot loader asks for this `termNN.default.loads`: gigabit twins share one.
    pub fn by_term(&self, file: &str) -> impl Iterator<Item = &Arc<Model>> {
        self.models().filter(move |m| m.term.as_deref().is_some_and(|term| term.eq_ignore_ascii_case(file)))
    }

    /// What a phone is taken for of which only the family and the highest button in use are known: of the models with
    /// keys enough the one with the fewest, else the one with the most.
    pub fn stand_in(&self, family: Family, button: u8) -> Option<&Arc<Model>> {
        let of_family = || self.models().filter(|m| m.family == family);
        let enough = of_family().filter(|m| m.lines >= button).min_by_key(|m| m.lines);
        enough.or_else(|| of_family().max_by_key(|m| m.lines))
    }

    /// The catalogue's name for what may be another spelling.
    fn name<'a>(&'a self, spelling: &'a ModelName) -> &'a ModelName {
        self.aliases.get(spelling).unwrap_or(spelling)
    }

    fn insert(&mut self, table: Table) -> Result<(), CatalogError> {
        let model: Model =
            table.clone().try_into().map_err(|e: toml::de::Error| CatalogError::Syntax(e.to_string()))?;
        let model = model.checked().map_err(|(name, why)| CatalogError::Value(name, why))?;
        if let Some(key) = model.unverified.iter().find(|key| !table.contains_key(key.as_str())) {
            return Err(CatalogError::Value(model.name, format!("`unverified` names {key:?}, which is no key of it")));
        }
        if let Some((other, what)) = self.models().find_map(|other| Some((&other.name, model.mistaken_for(other)?))) {
            return Err(CatalogError::Value(model.name, format!("{what} belongs to {other} already")));
        }
        self.aliases.retain(|_, name| *name != model.name);
        let aliases =
            model.spellings.iter().map(|spelling| ModelName::new(spelling)).filter(|name| *name != model.name);
        self.aliases.extend(aliases.map(|alias| (alias, model.name.clone())));
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

    fn names<'a>(models: impl Iterator<Item = &'a Arc<Model>>) -> Vec<&'a str> {
        models.map(|model| model.name.as_str()).collect()
    }

    #[test]
    fn every_file_is_a_model_and_is_told_from_the_others() {
        let files: Vec<_> = MODELS.iter().map(|(file, _)| file.strip_suffix(".toml").unwrap()).collect();
        let catalog = Catalog::builtin();
        assert_eq!(names(catalog.models()), files, "each file is named after its model");
        for model in catalog.models() {
            for class in &model.vendor_classes {
                assert_eq!(catalog.by_vendor_class(class).unwrap().name, model.name);
                assert_eq!(catalog.by_vendor_class(&format!("{class}\0")).unwrap().name, model.name);
            }
            for agent in &model.user_agents {
                assert_eq!(catalog.by_user_agent(&format!("{agent}/9.4.2")).unwrap().name, model.name);
            }
            for spelling in &model.spellings {
                assert_eq!(catalog.find(spelling).unwrap().name, model.name);
            }
            for request in &model.requests {
                assert!(!request.file.contains("<jar>") && !request.file.contains("<term>"), "{}", request.file);
            }
            assert!(!model.quirks.is_empty() && !model.vendor_classes.is_empty() && !model.user_agents.is_empty());
            let loads = Load { product: model.load_family.clone(), ..Load::parse("SIP42.9-4-2SR3-1S").unwrap() };
            assert!(catalog.by_load(&loads).any(|m| m.name == model.name));
        }
    }

    #[test]
    fn people_find_the_model_they_mean() {
        let catalog = Catalog::builtin();
        for (text, name) in [
            ("7906G", "7906"),
            ("7941", "7941"),
            ("CP-7941G", "7941"),
            ("7941-GE", "7941G-GE"),
            ("7941G-GE", "7941G-GE"),
            ("cp-7941g-ge", "7941G-GE"),
            ("7961-GE", "7961G-GE"),
            ("7961", "7961"),
            ("7971", "7971G-GE"),
            ("7971G", "7971G-GE"),
            ("7971G-GE", "7971G-GE"),
            ("CP-7971", "7971G-GE"),
            ("CP-7975G", "7975"),
        ] {
            assert_eq!(catalog.find(text).unwrap().name.as_str(), name, "{text}");
        }
        for text in ["7942-GE", "7970G-GE", "7912", "8851", "", "79"] {
            assert!(catalog.find(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_phones_say_leads_to_the_model() {
        let catalog = Catalog::builtin();
        for (agent, model) in [
            ("Cisco-CP7960G/8.0", Some("7960")),
            ("Cisco-CP7942G/9.4.2", Some("7942")),
            ("Cisco-CP7941G/9.4.2", Some("7941")),
            ("Cisco-CP7941G-GE/9.4.2", Some("7941G-GE")),
            ("Cisco-CP7971G-GE/8.5.4", Some("7971G-GE")),
            ("Cisco-CP7942G-GE/9.4.2", None),
            ("Asterisk PBX", None),
            ("", None),
        ] {
            assert_eq!(catalog.by_user_agent(agent).map(|m| m.name.as_str()), model, "{agent}");
        }
        for (class, model) in [
            ("Cisco Systems, Inc. IP Phone CP-7960G\0", Some("7960")),
            ("Cisco Systems, Inc. IP Phone CP-7961G\0", Some("7961")),
            ("Cisco Systems, Inc. IP Phone CP-7961G-GE\0", Some("7961G-GE")),
            ("Cisco Systems, Inc. IP Phone CP-7971G-GE", Some("7971G-GE")),
            ("Cisco Systems, Inc. IP Phone CP-7971G", None),
            ("Cisco Systems, Inc. IP Phone\0", None),
            ("Cisco Systems, Inc. IP Phone CP-7960G-3PCC", None),
        ] {
            assert_eq!(catalog.by_vendor_class(class).map(|m| m.name.as_str()), model, "{class}");
        }
    }

    /// A load and a term file fit several models: whoever asks gets all of them and cannot take one by accident.
    #[test]
    fn loads_and_term_files_name_every_model_they_fit() {
        let catalog = Catalog::builtin();
        for (load, models) in [
            ("P0S3-8-12-00", &["7940", "7960"][..]),
            ("SIP11.9-4-2SR1-1S", &["7906", "7911"]),
            ("SIP41.9-4-2SR3-1S", &["7941", "7941G-GE", "7961", "7961G-GE"]),
            ("SCCP42.9-4-2SR3-1S", &["7942", "7962"]),
            ("SIP45.9-4-2SR4-3S", &["7945", "7965"]),
            ("SIP70.9-2-1S", &["7970", "7971G-GE"]),
            ("SCCP75.9-4-2SR4-3S", &["7975"]),
            ("SCCP31.9-2-1S", &["7931"]),
        ] {
            assert_eq!(names(catalog.by_load(&Load::parse(load).unwrap())), models, "{load}");
        }
        for (file, models) in [
            ("term06.default.loads", &["7906"][..]),
            ("term41.default.loads", &["7941", "7941G-GE"]),
            ("TERM61.default.loads", &["7961", "7961G-GE"]),
            ("term62.default.loads", &["7962"]),
            ("term70.default.loads", &["7970"]),
            ("term71.default.loads", &["7971G-GE"]),
            ("term99.default.loads", &[]),
        ] {
            assert_eq!(names(catalog.by_term(file)), models, "{file}");
        }
    }

    #[test]
    fn an_unknown_phone_is_taken_for_one_with_keys_enough() {
        let catalog = Catalog::builtin();
        for (family, button, lines) in [
            (Family::Legacy, 1, 2),
            (Family::Legacy, 3, 6),
            (Family::Legacy, 20, 6),
            (Family::Java, 0, 1),
            (Family::Java, 2, 2),
            (Family::Java, 6, 6),
            (Family::Java, 7, 8),
            (Family::Java, 24, 24),
            (Family::Java, 255, 24),
        ] {
            let model = catalog.stand_in(family, button).unwrap();
            assert_eq!((model.family, model.lines), (family, lines), "{family:?} {button}");
        }
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
                "name = \"7999\"\nfamily = \"java\"\nlines = 2\ndevice_number = 999\nload_family = \"99\"\n\
                 vendor_classes = [\"Cisco Systems, Inc. IP Phone CP-7999G\"]\nuser_agents = [\"Cisco-CP7999G\"]\n\
                 term = \"term99.default.loads\"\nlocale_jar = \"be-sip.jar\"\n",
            )
            .unwrap();
        let added = catalog.find("CP-7999G").unwrap();
        assert!(added.requests.iter().any(|r| r.file == "<locale>/be-sip.jar"));
        let release = Load::parse("SIP99.9-3-1SR4-1S");
        assert_eq!(added.default_transport(release.as_ref()), SipTransport::Tcp);
        // By another spelling, and the spellings stay.
        catalog.with_override("name = \"7971\"\n[limits]\nlabel = 12\n").unwrap();
        let model = catalog.find("CP-7971G-GE").unwrap();
        assert_eq!((model.name.as_str(), model.limits.label), ("7971G-GE", 12));
        assert_eq!(catalog.find("7971").unwrap(), model);
        assert_eq!(catalog.models().count(), Catalog::builtin().models().count() + 1);
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
            ("name = \"7962\"\nspellings = [\"7971\"]", "the name 7971 belongs to 7971G-GE"),
            ("name = \"7962\"\nuser_agents = [\"cisco-cp7960g\"]", "the user agent \"cisco-cp7960g\" belongs to 7960"),
            ("name = \"7962\"\nvendor_classes = [\"Cisco Systems, Inc. IP Phone CP-7942G\"]", "belongs to 7942"),
            ("name = \"7962\"\ndevice_number = 7", "the device number 7 belongs to 7960"),
            ("name = \"7962\"\nunverified = [\"color\"]", "color"),
            ("name = \"7960\"\nfeature_keys = [{ button = 1, feature = 194, label = \"x\" }]", "feature_keys"),
            ("name = \"7962\"\nfeature_keys = [{ button = 7, feature = 194, label = \"x\" }]", "does not have"),
            ("name = \"7962\"\nfeature_keys = [{ button = 1, feature = 9, label = \"x\" }]", "a line"),
            (
                "name = \"7931\"\nfeature_keys = [{ button = 1, feature = 194, label = \"x\" }, { button = 1, feature = 195, \
                 label = \"x\" }]",
                "twice",
            ),
        ] {
            let mut catalog = Catalog::builtin();
            let error = catalog.with_override(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert_eq!(catalog.find("7960").unwrap(), Catalog::builtin().find("7960").unwrap());
        }
        let error = Catalog::builtin().find("8851").unwrap_err().to_string();
        assert!(error.starts_with("no model \"8851\" in the catalogue; known are 7906, 7911, "), "{error}");
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

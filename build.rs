//! Embeds the model files: every `src/catalog/models/*.toml` becomes an entry of `MODELS` in `src/catalog/mod.rs`.
//!
//! Cargo runs this again when a file of that folder is added, changed or removed.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

const FOLDER: &str = "src/catalog/models";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={FOLDER}");
    let mut names = Vec::new();
    for entry in fs::read_dir(FOLDER)? {
        let path = entry?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).ok_or_else(|| format!("{}: not UTF-8", path.display()))?;
        // What an editor leaves beside a model is no model.
        if path.extension().is_some_and(|extension| extension == "toml") && !name.starts_with('.') {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    let entries: Vec<String> = names
        .iter()
        .map(|name| {
            let path = format!("/{FOLDER}/{name}");
            format!("    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),\n")
        })
        .collect();
    let list = format!("&[\n{}]\n", entries.concat());
    fs::write(Path::new(&env::var("OUT_DIR")?).join("models.rs"), list)?;
    Ok(())
}

//! `offhook settings`

use super::Context;
use super::report::{Failure, table};
use crate::api::Settings;

pub(super) async fn settings(context: &Context) -> Result<(), Failure> {
    let settings: Settings = context.client()?.get("/api/v1/settings").await?;
    context.out.show(&settings, text);
    Ok(())
}

fn text(settings: &Settings) -> String {
    if settings.keys.is_empty() {
        return "no file was read: this daemon was started with a configuration of its own".to_owned();
    }
    let rows: Vec<_> =
        settings.keys.iter().map(|key| vec![key.key.clone(), key.value.clone(), key.source.clone()]).collect();
    let mut text = table(&["KEY", "VALUE", "SOURCE"], &rows);
    for section in &settings.restart {
        text.push_str(&format!("\n[{section}] was changed since and takes a restart: systemctl restart offhook"));
    }
    text
}

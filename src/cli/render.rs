//! `offhook render MAC [FILE]`: exactly the bytes that phone would get.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Context;
use super::report::{Failure, bytes, table};
use crate::api::FileName;
use crate::domain::MacAddr;

pub(super) async fn render(mac: MacAddr, file: Option<&str>, reveal: bool, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let Some(file) = file else {
        let names: Vec<FileName> = client.get(&format!("/api/v1/phones/{mac}/files")).await?;
        context.out.show(&names, |names| {
            let row =
                |file: &FileName| vec![file.name.clone(), file.refused.clone().unwrap_or_else(|| "served".to_owned())];
            table(&["FILE", "STATE"], &names.iter().map(row).collect::<Vec<_>>())
        });
        return Ok(());
    };
    let name = utf8_percent_encode(file, NON_ALPHANUMERIC);
    let body = client.bytes(&format!("/api/v1/phones/{mac}/files/{name}?reveal={reveal}")).await?;
    if context.out.json() {
        let value = serde_json::json!({"mac": mac, "name": file, "body": String::from_utf8_lossy(&body)});
        context.out.show(&value, |_| String::new());
    } else {
        bytes(&body);
    }
    Ok(())
}

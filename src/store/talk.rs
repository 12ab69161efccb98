//! Lines that phones wrote, among the events that are kept: a phone that talks pushes nothing out that it did.

use sqlx::sqlite::SqliteConnection;

use super::StoreError;
use crate::domain::{BootEvent, EventKind, MacAddr};
use crate::timeline::TALK;

/// Keeps the last lines of the phones that said something in these events.
pub(super) async fn trim(connection: &mut SqliteConnection, events: &[BootEvent]) -> Result<(), StoreError> {
    let said = |event: &&BootEvent| matches!(event.what, EventKind::Syslog { .. });
    let mut macs: Vec<MacAddr> = events.iter().filter(said).map(|event| event.mac).collect();
    if macs.is_empty() {
        return Ok(());
    }
    macs.sort_unstable();
    macs.dedup();
    sqlx::query(
        "delete from event where id in (select id from (select old.id, row_number() over (partition by old.mac order by old.id desc) as nth \
         from json_each(?1) as phone join event as old on old.mac = phone.value where old.body ->> 'kind' = 'syslog') where nth > ?2)",
    )
    .bind(serde_json::to_string(&macs)?)
    .bind(i64::try_from(TALK).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

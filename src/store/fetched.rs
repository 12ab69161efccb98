//! What phones last took of their files: what people see of it, and seals over what was sent. In no copy: lost with the
//! database, it is known anew once the phones fetch.

use jiff::Timestamp;

use super::{Kind, Store, StoreError};
use crate::domain::MacAddr;
use crate::files::fetched::{Kept, Seal, SealKey};

impl Store {
    /// The key of the seals, made where there is none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn seal_key(&self) -> Result<SealKey, StoreError> {
        let octets: Option<Vec<u8>> =
            sqlx::query_scalar("select octets from seal_key where id = 1").fetch_optional(&self.pool).await?;
        if let Some(octets) = octets.and_then(|octets| <[u8; 32]>::try_from(octets).ok()) {
            return Ok(octets.into());
        }
        let fresh: [u8; 32] = rand::random();
        self.write(Kind::Passing, async |connection| {
            // Seals by a key that is gone say nothing.
            sqlx::query("delete from fetched").execute(&mut *connection).await?;
            sqlx::query("delete from seal_key").execute(&mut *connection).await?;
            let insert = sqlx::query("insert into seal_key (id, octets) values (1, ?)").bind(&fresh[..]);
            insert.execute(connection).await?;
            Ok(())
        })
        .await?;
        Ok(fresh.into())
    }

    /// The seals of all files that are kept. What cannot be read is kept anew when it is fetched.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn seals(&self) -> Result<Vec<(MacAddr, String, Seal)>, StoreError> {
        let rows: Vec<(String, String, Vec<u8>)> =
            sqlx::query_as("select mac, name, seal from fetched").fetch_all(&self.pool).await?;
        let read = |(mac, name, seal): (String, String, Vec<u8>)| Some((mac.parse().ok()?, name, Seal::read(&seal)?));
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// What is kept of a phone's files.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn fetched(&self, mac: MacAddr) -> Result<Vec<Kept>, StoreError> {
        let rows: Vec<(String, i64, Vec<u8>, String)> =
            sqlx::query_as("select name, at, seal, body from fetched where mac = ?")
                .bind(mac.to_string())
                .fetch_all(&self.pool)
                .await?;
        let read = |(name, at, seal, text): (String, i64, Vec<u8>, String)| {
            Some(Kept { mac, name, at: Timestamp::from_second(at).ok()?, seal: Seal::read(&seal)?, text })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Forgets all of some phones, then keeps these.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_fetched(&self, gone: &[MacAddr], fetched: &[Kept]) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            for mac in gone {
                sqlx::query("delete from fetched where mac = ?")
                    .bind(mac.to_string())
                    .execute(&mut *connection)
                    .await?;
            }
            for Kept { mac, name, at, seal, text } in fetched {
                sqlx::query(
                    "insert into fetched (mac, name, at, seal, body) values (?, ?, ?, ?, ?) on conflict (mac, name) \
                     do update set at = excluded.at, seal = excluded.seal, body = excluded.body",
                )
                .bind(mac.to_string())
                .bind(name)
                .bind(at.as_second())
                .bind(seal.octets())
                .bind(text)
                .execute(&mut *connection)
                .await?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_fetched_is_kept_with_its_key_until_its_phone_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (ada, bob): (MacAddr, MacAddr) = ("001B54AABB01".parse().unwrap(), "001B54AABB02".parse().unwrap());
        let store = Store::open(folder.path()).await.unwrap();
        let key = store.seal_key().await.unwrap();
        let kept = |mac, name: &str, text: &str, at: &str| Kept {
            mac,
            name: name.to_owned(),
            at: at.parse().unwrap(),
            seal: key.seal(mac, name, text.as_bytes()).unwrap(),
            text: text.to_owned(),
        };
        let first = kept(ada, "f", "one", "2026-01-02T03:04:05Z");
        store.keep_fetched(&[], &[first, kept(bob, "f", "one", "2026-01-02T03:04:05Z")]).await.unwrap();
        let second = kept(ada, "f", "two", "2026-01-03T03:04:05Z");
        store.keep_fetched(&[], std::slice::from_ref(&second)).await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(folder.path()).await.unwrap();
        assert!(store.fetched(ada).await.unwrap() == [second.clone()]);
        let again = store.seal_key().await.unwrap();
        assert_eq!(again.seal(ada, "f", b"two"), Some(second.seal), "the key is the same");
        // Who goes and comes back in between keeps what came after.
        let third = kept(ada, "g", "three", "2026-01-04T03:04:05Z");
        store.keep_fetched(&[ada, bob], std::slice::from_ref(&third)).await.unwrap();
        assert!(store.fetched(ada).await.unwrap() == [third]);
        assert_eq!(store.seals().await.unwrap().len(), 1);
        // A key that was lost: what was sealed with it says nothing.
        sqlx::query("delete from seal_key").execute(&store.pool).await.unwrap();
        let other = store.seal_key().await.unwrap();
        assert_ne!(other.seal(ada, "f", b"two"), again.seal(ada, "f", b"two"));
        assert!(store.seals().await.unwrap().is_empty());
    }
}

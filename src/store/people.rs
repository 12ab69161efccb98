//! Who may come in by the page: the account and the tokens, by their hashes. In no copy; see the migration.

use jiff::Timestamp;

use super::{Kind, Store, StoreError};
use crate::api::Token;

/// Name, hash of what is shown, whether it may only look, since, expires, used.
type Row = (String, String, bool, String, Option<String>, Option<String>);

impl Store {
    /// The account's name and the hash of its password.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn account(&self) -> Result<Option<(String, String)>, StoreError> {
        Ok(sqlx::query_as("select name, hash from account").fetch_optional(&self.pool).await?)
    }

    /// Keeps the one account there is; browsers that got in before are known no more.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_account(&self, name: &str, hash: &str) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            sqlx::query("delete from account").execute(&mut *connection).await?;
            sqlx::query("delete from browser").execute(&mut *connection).await?;
            let insert = sqlx::query("insert into account (name, hash) values (?, ?)").bind(name).bind(hash);
            insert.execute(connection).await?;
            Ok(())
        })
        .await
    }

    /// Browsers that got in before, by the hash of what they show, and when.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn browsers(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("select digest, used from browser").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().filter_map(|(digest, used)| Some((digest, Timestamp::from_second(used).ok()?))).collect())
    }

    /// Keeps that somebody got in from one, and forgets others.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_browser(&self, digest: &str, used: Timestamp, gone: &[String]) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            for digest in gone {
                sqlx::query("delete from browser where digest = ?").bind(digest).execute(&mut *connection).await?;
            }
            sqlx::query(
                "insert into browser (digest, used) values (?, ?) on conflict (digest) do update set used = excluded.used",
            )
            .bind(digest)
            .bind(used.as_second())
            .execute(connection)
            .await?;
            Ok(())
        })
        .await
    }

    /// Every token that can be read, and the hash of what is shown for it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn tokens(&self) -> Result<Vec<(String, Token)>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("select name, digest, read_only, since, expires, used from token")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Keeps a token.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_token(&self, digest: &str, token: &Token) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            sqlx::query("insert into token (name, digest, read_only, since, expires) values (?, ?, ?, ?, ?)")
                .bind(&token.name)
                .bind(digest)
                .bind(token.read_only)
                .bind(token.since.to_string())
                .bind(token.expires.map(|at| at.to_string()))
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    /// Removes a token.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn drop_token(&self, name: &str) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            sqlx::query("delete from token where name = ?").bind(name).execute(connection).await?;
            Ok(())
        })
        .await
    }

    /// A token was used.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn token_used(&self, name: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            let update = sqlx::query("update token set used = ? where name = ?").bind(at.to_string()).bind(name);
            update.execute(connection).await?;
            Ok(())
        })
        .await
    }
}

/// A row whose times cannot be read counts no more: one whose end is not known would never end.
fn read((name, digest, read_only, since, expires, used): Row) -> Option<(String, Token)> {
    let expires = expires.map(|at| at.parse()).transpose().ok()?;
    let used = used.and_then(|at| at.parse().ok());
    Some((digest, Token { name, read_only, since: since.parse().ok()?, expires, used }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_account_and_tokens_are_kept_and_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.account().await.unwrap(), None);
        store.keep_account("ada", "$argon2id$CANARYhash1").await.unwrap();
        store.keep_account("bob", "$argon2id$CANARYhash2").await.unwrap();
        let token = |name: &str, expires| Token { name: name.into(), read_only: true, since: at, expires, used: None };
        store.keep_browser("b1", at, &[]).await.unwrap();
        store.keep_browser("b2", at, &["b1".to_owned()]).await.unwrap();
        assert_eq!(store.browsers().await.unwrap(), [("b2".to_owned(), at)]);
        store.keep_token("d1", &token("one", Some(at))).await.unwrap();
        store.keep_token("d2", &token("two", None)).await.unwrap();
        store.keep_token("d2", &token("three", None)).await.unwrap_err();
        store.token_used("two", at).await.unwrap();
        store.drop_token("nobody").await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.account().await.unwrap(), Some(("bob".into(), "$argon2id$CANARYhash2".into())));
        let used = Token { used: Some(at), ..token("two", None) };
        let all = [("d1".to_owned(), token("one", Some(at))), ("d2".to_owned(), used)];
        assert_eq!(store.tokens().await.unwrap(), all);
        store.drop_token("one").await.unwrap();
        assert_eq!(store.tokens().await.unwrap().len(), 1);
        // An end that cannot be read is no reason to go on for ever.
        sqlx::query("update token set expires = 'never'").execute(&store.pool).await.unwrap();
        assert_eq!(store.tokens().await.unwrap(), []);
        store.keep_account("eve", "$argon2id$CANARYhash3").await.unwrap();
        assert_eq!(store.browsers().await.unwrap(), []);
        // What is copied is the rest.
        let assignment = crate::pbx::roster::Assignment {
            mac: "001B54AABB01".parse().unwrap(),
            model: None,
            description: String::new(),
            target_load: None,
            options: crate::domain::PhoneOptions::default(),
            enabled: true,
            buttons: Vec::new(),
            origin: crate::pbx::roster::Origin::Own,
        };
        store.keep_assignment(&assignment).await.unwrap();
        store.snapshot(at).await.unwrap();
        let copies: Vec<_> = std::fs::read_dir(folder.path().join("snapshots")).unwrap().flatten().collect();
        assert_eq!(copies.len(), 1);
        let copy = std::fs::read(copies[0].path()).unwrap();
        assert!(!copy.windows(6).any(|octets| octets == b"CANARY"));
    }
}

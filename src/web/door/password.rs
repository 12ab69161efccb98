//! Passwords: their hashes (argon2id, RFC 9106) and how many are computed at once. An edge: each takes tens of milliseconds and
//! 19 MiB, on a thread that may take long. That memory is used again and again: given back, each thread's allocator would keep some of it.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

/// Hashes that are computed at once.
const AT_ONCE: usize = 2;

/// Those that may wait besides; more are turned away.
const WAITING: usize = 8;

/// Fewest characters. No rule says which: length is what counts (NIST SP 800-63B, 5.1.1.2).
pub(super) const SHORTEST: usize = 12;

/// Most octets.
pub(super) const LONGEST: usize = 1_024;

/// OWASP's first choice for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
const MEMORY: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash that a name is tried against that nobody has: it takes as long as another.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("whatever it is", &mut Memory::default()).unwrap_or_default());

type Memory = Vec<Block>;

/// Everybody is busy: try again in a moment.
#[derive(Debug)]
pub(super) struct Busy;

/// Where hashes are computed.
pub(super) struct Hashing {
    at_once: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    /// What nobody computes in just now.
    memory: Arc<Mutex<Vec<Memory>>>,
}

impl Hashing {
    pub(super) fn new() -> Self {
        let (at_once, seats) = (Semaphore::new(AT_ONCE), Semaphore::new(AT_ONCE + WAITING));
        Self { at_once: Arc::new(at_once), seats: Arc::new(seats), memory: Arc::default() }
    }

    /// Whether that is the password of that hash; `None` = there is no such account.
    ///
    /// # Errors
    /// Too many ask.
    pub(super) async fn verify(&self, password: String, kept: Option<String>) -> Result<bool, Busy> {
        let verify = move |memory: &mut Memory| {
            let right = is_of(&password, kept.as_deref().unwrap_or(&NOBODY), memory);
            right && kept.is_some()
        };
        self.compute(verify).await
    }

    /// The hash to keep (a PHC string); `None` = it could not be computed.
    ///
    /// # Errors
    /// Too many ask.
    pub(super) async fn hash(&self, password: String) -> Result<Option<String>, Busy> {
        self.compute(move |memory| hash(&password, memory)).await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(|_| Busy)?;
        let (held, pool) = ((seat, turn), Arc::clone(&self.memory));
        // Both go with the work: who hangs up while it runs makes no room for a third.
        let work = move || {
            let _held = held;
            let free = || pool.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = free().pop().unwrap_or_default();
            let outcome = work(&mut memory);
            free().push(memory);
            outcome
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

/// What is wrong with a new password.
///
/// # Errors
/// One sentence.
pub(super) fn check(password: &str) -> Result<(), String> {
    if password.chars().count() < SHORTEST {
        return Err(format!("the password has fewer than {SHORTEST} characters; a few words make a good one"));
    }
    if password.len() > LONGEST {
        return Err(format!("the password has more than {LONGEST} octets"));
    }
    Ok(())
}

/// As [`PasswordHash::algorithm`] names it.
const ALGORITHM: Algorithm = Algorithm::Argon2id;

fn hash(password: &str, memory: &mut Memory) -> Option<String> {
    let params = Params::new(MEMORY, PASSES, LANES, None).ok()?;
    let salt = Salt::generate();
    let hash = PasswordHash {
        algorithm: ALGORITHM.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).ok()?,
        salt: Some(salt),
        hash: Some(digest(password, &salt, params, memory)?),
    };
    Some(hash.to_string())
}

fn is_of(password: &str, kept: &str, memory: &mut Memory) -> bool {
    let Ok(kept) = PasswordHash::new(kept) else { return false };
    let (Ok(params), Some(salt)) = (Params::try_from(&kept), kept.salt) else { return false };
    let ours = kept.algorithm == ALGORITHM.ident() && params.m_cost() <= MEMORY;
    // Compared in a time that does not tell where they differ.
    ours && digest(password, &salt, params, memory).is_some_and(|digest| kept.hash == Some(digest))
}

fn digest(password: &str, salt: &Salt, params: Params, memory: &mut Memory) -> Option<Output> {
    memory.resize(params.block_count(), Block::default());
    let mut octets = [0; Params::DEFAULT_OUTPUT_LEN];
    let argon2 = Argon2::new(ALGORITHM, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut octets, memory.as_mut_slice()).ok()?;
    Output::new(&octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The crate's own way from a password to its hash and back.
    #[test]
    fn others_read_what_we_write() {
        use argon2::{PasswordHasher as _, PasswordVerifier as _};
        let mut memory = Memory::default();
        let ours = hash("correct horse battery", &mut memory).unwrap();
        let theirs = Argon2::default().hash_password(b"correct horse battery").unwrap().to_string();
        Argon2::default().verify_password(b"correct horse battery", ours.as_str()).unwrap();
        assert!(is_of("correct horse battery", &theirs, &mut memory));
        assert!(!is_of("correct horse batterie", &theirs, &mut memory));
        assert_eq!(memory.len() * Block::SIZE, 19 << 20);
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let hashing = Hashing::new();
        let kept = hashing.hash("correct horse battery".into()).await.unwrap().unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        for (password, against, right) in [
            ("correct horse battery", Some(kept.clone()), true),
            ("correct horse batterie", Some(kept.clone()), false),
            ("", Some(kept.clone()), false),
            ("whatever it is", None, false),
            ("correct horse battery", Some(String::new()), false),
            ("correct horse battery", Some("$argon2id$".into()), false),
        ] {
            assert_eq!(
                hashing.verify(password.into(), against.clone()).await.unwrap(),
                right,
                "{password} {against:?}"
            );
        }
        let (nobody, kept) = (PasswordHash::new(&NOBODY).unwrap(), PasswordHash::new(&kept).unwrap());
        assert_eq!((nobody.algorithm, nobody.version, nobody.params), (kept.algorithm, kept.version, kept.params));
    }

    /// W11: memory for two, and a queue with an end; who hangs up leaves no third one running.
    #[tokio::test]
    async fn w11_two_at_once_and_a_queue_with_an_end() {
        let hashing = Arc::new(Hashing::new());
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gone));
        let all: Vec<_> = (0..AT_ONCE + WAITING)
            .map(|_| {
                let (hashing, gate) = (Arc::clone(&hashing), Arc::clone(&gate));
                tokio::spawn(async move { hashing.compute(move |_| gate.lock().unwrap().recv().is_ok()).await })
            })
            .collect();
        while hashing.seats.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(hashing.verify("one more".into(), None).await.is_err());
        assert_eq!(hashing.at_once.available_permits(), 0);
        // Those that are computed are hung up on; the threads go on.
        all[0].abort();
        all[1].abort();
        tokio::task::yield_now().await;
        assert_eq!(hashing.at_once.available_permits(), 0);
        drop(go);
        for one in all {
            let _ = one.await;
        }
        while hashing.seats.available_permits() < AT_ONCE + WAITING {
            tokio::task::yield_now().await;
        }
        assert!(hashing.verify("now".into(), None).await.is_ok());
    }

    #[test]
    fn length_is_the_one_rule() {
        assert!(check("elevenchars").is_err() && check("twelve chars").is_ok() && check("zwölf Zeich.").is_ok());
        assert!(check(&"x".repeat(LONGEST)).is_ok() && check(&"x".repeat(LONGEST + 1)).is_err());
    }
}

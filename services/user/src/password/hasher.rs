//! Hashing with a bound: no more at once than there are cores, no longer a wait than a second.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use argon2::Block;
use thiserror::Error;
use zeroize::Zeroizing;

use super::PasswordHash;
use super::argon::{Cost, Stored, StoredHashError};
use super::workers::{Busy, Workers};

/// How long a caller waits for a thread unless set. Past it, an answer would come late and the queue would
/// only grow: the caller is told to come back.
pub const DEFAULT_LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How many may wait for each thread: about as many as it hashes within [`DEFAULT_LONGEST_WAIT`] at
/// the default cost.
const MOST_WAITING_PER_THREAD: usize = 64;

/// What a refused caller is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Hashes and verifies passwords. Clones share the threads.
#[derive(Debug, Clone)]
pub struct Hasher {
    workers: Arc<Workers<Vec<Block>>>,
    cost: Cost,
}

/// How passwords are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HasherSettings {
    /// The cost of new hashes.
    pub cost: Cost,
    /// How many hashes run at once.
    pub concurrency: NonZeroUsize,
    /// How long a caller waits for its turn.
    pub longest_wait: Duration,
}

/// Whether a password is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right {
        /// The hash was made with another cost than new ones, and should be made anew.
        outdated: bool,
    },
    /// It is not.
    Wrong,
}

/// A password was not hashed.
#[derive(Debug, Error)]
pub enum HasherError {
    /// Too many at once.
    #[error("all threads are busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The stored hash is refused, and was not run.
    #[error(transparent)]
    Stored(#[from] StoredHashError),
    /// Argon2 refused its inputs.
    #[error("the password cannot be hashed: {0}")]
    Argon(argon2::Error),
}

// === impl HasherSettings ===

impl Default for HasherSettings {
    /// OWASP's cost, and as many at once as there are cores.
    fn default() -> Self {
        let one = NonZeroUsize::MIN;
        Self {
            cost: Cost::DEFAULT,
            concurrency: std::thread::available_parallelism().unwrap_or(one),
            longest_wait: DEFAULT_LONGEST_WAIT,
        }
    }
}

// === impl Hasher ===

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn new(settings: HasherSettings) -> io::Result<Self> {
        let HasherSettings {
            cost,
            concurrency,
            longest_wait,
        } = settings;
        let most_waiting = concurrency.get().saturating_mul(MOST_WAITING_PER_THREAD);
        let workers = Workers::start("hasher", concurrency, most_waiting, longest_wait)?;
        Ok(Self {
            workers: Arc::new(workers),
            cost,
        })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// Too many at once.
    pub async fn hash(&self, password: &str, salt: [u8; 16]) -> Result<PasswordHash, HasherError> {
        let (cost, password) = (self.cost, Zeroizing::new(password.to_owned()));
        self.run(move |memory| cost.hash(password.as_bytes(), salt, memory))
            .await
    }

    /// Compares a password with a stored hash.
    ///
    /// # Errors
    /// Too many at once, or the stored hash is not one to run.
    pub async fn verify(
        &self,
        password: &str,
        hash: &PasswordHash,
    ) -> Result<Verdict, HasherError> {
        let stored = Stored::read(hash)?;
        let outdated = stored.is_outdated(self.cost);
        let password = Zeroizing::new(password.to_owned());
        let right = self
            .run(move |memory| stored.is_of(password.as_bytes(), memory))
            .await?;
        Ok(if right {
            Verdict::Right { outdated }
        } else {
            Verdict::Wrong
        })
    }

    /// Does the work of [`verify`](Self::verify) where there is no hash to compare with, so that
    /// the time an answer takes does not tell whether an account exists.
    ///
    /// # Errors
    /// Too many at once.
    pub async fn verify_nothing(&self, password: &str) -> Result<(), HasherError> {
        self.hash(password, [0; 16]).await.map(|_| ())
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> Result<T, argon2::Error> + Send + 'static,
    ) -> Result<T, HasherError> {
        let done = self.workers.run(work).await;
        done.map_err(|Busy| HasherError::Busy {
            retry_after: RETRY_AFTER,
        })?
        .map_err(HasherError::Argon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_and_a_wrong_one() {
        let hasher = Hasher::new(HasherSettings::default()).unwrap();
        let hash = hasher.hash("correct horse", [1; 16]).await.unwrap();
        let right = hasher.verify("correct horse", &hash).await.unwrap();
        assert_eq!(right, Verdict::Right { outdated: false });
        assert_eq!(
            hasher.verify("correct house", &hash).await.unwrap(),
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_outdated() {
        let old = Hasher::new(HasherSettings::default()).unwrap();
        let cost = Cost::new(19_456, 3, 1).unwrap();
        let new = Hasher::new(HasherSettings {
            cost,
            ..HasherSettings::default()
        })
        .unwrap();
        let hash = old.hash("correct horse", [1; 16]).await.unwrap();
        let verdict = new.verify("correct horse", &hash).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: true });
    }

    #[tokio::test]
    async fn a_stored_hash_out_of_bounds_is_not_run() {
        let hasher = Hasher::new(HasherSettings::default()).unwrap();
        let hash = hasher.hash("correct horse", [1; 16]).await.unwrap();
        let hash = PasswordHash(hash.0.replace("m=19456", "m=4000000"));
        let error = hasher.verify("correct horse", &hash).await.unwrap_err();
        assert!(
            matches!(error, HasherError::Stored(StoredHashError::OutOfBounds)),
            "{error}"
        );
    }
}

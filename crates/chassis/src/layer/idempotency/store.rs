//! Where responses are kept, and who may answer.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// One attempt at a call with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// SHA-256 of caller, method and key: what is kept shows neither who asked nor the key.
    pub id: [u8; 32],
    /// SHA-256 of method and request message.
    pub fingerprint: [u8; 32],
    /// This attempt's own: it alone settles what it has claimed.
    pub token: [u8; 16],
}

/// What is to be done about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Run it, then [`Responses::keep`] its response or [`Responses::release`] the key.
    Run,
    /// Answer this, which was kept before.
    Replay(Bytes),
    /// Refuse it: the key came with another request.
    Mismatch,
    /// Refuse it: the first attempt has not ended.
    Running,
}

/// Keeps responses by key.
#[tonic::async_trait]
pub trait Responses: std::fmt::Debug + Send + Sync + 'static {
    /// Of all attempts with one id at most one is told to run, until its response is kept, the key is
    /// released, or `lease` is over: whoever has not settled by then has died.
    ///
    /// # Errors
    /// The store did not answer. The attempt may have been claimed.
    async fn claim(&self, attempt: &Attempt, lease: Duration) -> Result<Claim, StoreError>;

    /// Keeps the response of an attempt that was told to run. Does nothing where another has it by now.
    ///
    /// # Errors
    /// The store did not answer.
    async fn keep(&self, attempt: &Attempt, response: Bytes) -> Result<(), StoreError>;

    /// Gives the key back. Does nothing where another has it by now.
    ///
    /// # Errors
    /// The store did not answer.
    async fn release(&self, attempt: &Attempt) -> Result<(), StoreError>;
}

/// The store did not answer.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(pub Box<dyn std::error::Error + Send + Sync>);

// === impl Attempt ===

impl Attempt {
    /// `framed` is the request's message, framed.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(
        caller: &str,
        method: &str,
        key: &str,
        framed: &[u8],
    ) -> Result<Self, getrandom::Error> {
        let mut token = [0; 16];
        getrandom::fill(&mut token)?;
        Ok(Self {
            id: digest(&[caller, method, key].map(str::as_bytes)),
            fingerprint: digest(&[method.as_bytes(), framed]),
            token,
        })
    }
}

/// Each part with its length, so that no two lists of parts are one text.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

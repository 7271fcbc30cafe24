//! Argon2id (RFC 9106) and its PHC strings.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::PasswordHash;

/// How new hashes are made, as the tables note it.
pub const SCHEME: &str = "argon2id";

/// Bytes of a hash.
const OUTPUT_BYTES: usize = 32;

/// The cost of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
}

/// The cost is too low to be safe or too high to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CostError {
    /// Memory.
    #[error("expected 19456 (OWASP's least) to 262144 KiB")]
    Memory,
    /// Passes.
    #[error("expected 2 (OWASP's least) to 16 iterations")]
    Iterations,
    /// Lanes.
    #[error("expected 1 to 16 lanes")]
    Parallelism,
}

/// Why a stored hash is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StoredHashError {
    /// It is not a PHC string.
    #[error("the stored hash is not a PHC string")]
    Malformed,
    /// It is of another algorithm or version.
    #[error("the stored hash is not of argon2id, version 19")]
    Algorithm,
    /// Running it could exhaust the machine, or protects nothing.
    #[error("the stored hash has a cost out of bounds")]
    OutOfBounds,
}

/// A stored hash, ready to be run.
#[derive(Debug)]
pub(super) struct Stored {
    cost: Cost,
    salt: Salt,
    output: Output,
}

// === impl Cost ===

impl Cost {
    /// OWASP's first choice: 19 MiB, two passes, one lane.
    pub const DEFAULT: Self = Self {
        memory_kib: 19_456,
        iterations: 2,
        parallelism: 1,
    };

    /// What a hash may take at most: 256 MiB, of which each core may need one.
    const MAX: Self = Self {
        memory_kib: 262_144,
        iterations: 16,
        parallelism: 16,
    };

    /// Less memory than any of OWASP's settings protects no stored hash.
    const MIN_STORED_KIB: u32 = 7_168;

    /// A cost for new hashes.
    ///
    /// # Errors
    /// It is below the line that OWASP draws, or out of reason.
    pub fn new(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<Self, CostError> {
        let (least, most) = (Self::DEFAULT, Self::MAX);
        if !(least.memory_kib..=most.memory_kib).contains(&memory_kib) {
            return Err(CostError::Memory);
        }
        if !(least.iterations..=most.iterations).contains(&iterations) {
            return Err(CostError::Iterations);
        }
        if !(least.parallelism..=most.parallelism).contains(&parallelism) {
            return Err(CostError::Parallelism);
        }
        Ok(Self {
            memory_kib,
            iterations,
            parallelism,
        })
    }

    /// Hashes.
    pub(super) fn hash(
        self,
        password: &[u8],
        salt: [u8; 16],
        memory: &mut Vec<Block>,
    ) -> Result<PasswordHash, argon2::Error> {
        let mut output = [0; OUTPUT_BYTES];
        let params = self.run(password, &salt, &mut output, memory)?;
        let phc = Phc {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(|_| argon2::Error::MemoryTooLittle)?,
            salt: Some(Salt::new(&salt).map_err(|_| argon2::Error::SaltTooShort)?),
            hash: Some(Output::new(&output).map_err(|_| argon2::Error::OutputTooShort)?),
        };
        Ok(PasswordHash(phc.to_string()))
    }

    fn run(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
        memory: &mut Vec<Block>,
    ) -> Result<Params, argon2::Error> {
        let params = Params::new(self.memory_kib, self.iterations, self.parallelism, None)?;
        let blocks = params.block_count();
        // Grown once and kept: fresh pages for every hash cost a quarter of its time.
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        argon.hash_password_into_with_memory(password, salt, output, &mut memory[..blocks])?;
        Ok(params)
    }
}

// === impl Stored ===

impl Stored {
    /// Reads a stored hash and refuses it unless it is safe to run.
    pub(super) fn read(hash: &PasswordHash) -> Result<Self, StoredHashError> {
        let phc = Phc::new(&hash.0).map_err(|_| StoredHashError::Malformed)?;
        if phc.algorithm != Algorithm::Argon2id.ident()
            || phc.version != Some(Version::V0x13.into())
        {
            return Err(StoredHashError::Algorithm);
        }
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(StoredHashError::Malformed);
        };
        let params = Params::try_from(&phc).map_err(|_| StoredHashError::Malformed)?;
        let cost = Cost {
            memory_kib: params.m_cost(),
            iterations: params.t_cost(),
            parallelism: params.p_cost(),
        };
        if !(Cost::MIN_STORED_KIB..=Cost::MAX.memory_kib).contains(&cost.memory_kib)
            || cost.iterations > Cost::MAX.iterations
            || cost.parallelism > Cost::MAX.parallelism
            || output.len() < OUTPUT_BYTES
            || !params.keyid().is_empty()
            || !params.data().is_empty()
        {
            return Err(StoredHashError::OutOfBounds);
        }
        Ok(Self { cost, salt, output })
    }

    /// Whether it was made with another cost than `cost`.
    pub(super) fn is_outdated(&self, cost: Cost) -> bool {
        self.cost != cost
    }

    /// Whether it is the hash of `password`.
    pub(super) fn is_of(
        &self,
        password: &[u8],
        memory: &mut Vec<Block>,
    ) -> Result<bool, argon2::Error> {
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..self.output.len()];
        self.cost.run(password, &self.salt, output, memory)?;
        Ok(output.ct_eq(self.output.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(password: &str) -> PasswordHash {
        Cost::DEFAULT
            .hash(password.as_bytes(), [7; 16], &mut Vec::new())
            .unwrap()
    }

    #[test]
    fn a_hash_is_a_phc_string_that_verifies() {
        let hash = hash("correct horse");
        assert!(
            hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.0
        );
        let stored = Stored::read(&hash).unwrap();
        let mut memory = Vec::new();
        assert!(stored.is_of(b"correct horse", &mut memory).unwrap());
        assert!(!stored.is_of(b"correct horsf", &mut memory).unwrap());
        // The memory of one run leaves no trace in the next.
        assert!(stored.is_of(b"correct horse", &mut memory).unwrap());
        assert!(!format!("{hash:?}").contains("argon2id"));
    }

    #[test]
    fn the_reference_implementation_agrees() {
        use argon2::PasswordVerifier as _;
        let hash = hash("correct horse");
        let parsed = Phc::new(&hash.0).unwrap();
        Argon2::default()
            .verify_password(b"correct horse", &parsed)
            .unwrap();
    }

    #[test]
    fn stored_hashes_out_of_bounds_are_refused() {
        let good = hash("x").0;
        for (from, to, error) in [
            ("m=19456", "m=4194304", StoredHashError::OutOfBounds),
            ("m=19456", "m=1024", StoredHashError::OutOfBounds),
            ("t=2", "t=4000000000", StoredHashError::OutOfBounds),
            ("p=1", "p=255", StoredHashError::OutOfBounds),
            ("argon2id", "argon2i", StoredHashError::Algorithm),
            ("v=19", "v=16", StoredHashError::Algorithm),
            ("$argon2id", "argon2id", StoredHashError::Malformed),
        ] {
            let hash = PasswordHash(good.replacen(from, to, 1));
            assert_eq!(Stored::read(&hash).unwrap_err(), error, "{}", hash.0);
        }
        for hash in [
            "",
            "$",
            "$2b$12$abc",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
        ] {
            assert!(Stored::read(&PasswordHash(hash.into())).is_err(), "{hash}");
        }
    }

    #[test]
    fn a_cost_below_the_line_is_refused() {
        assert_eq!(Cost::new(19_456, 2, 1), Ok(Cost::DEFAULT));
        assert_eq!(Cost::new(19_455, 2, 1), Err(CostError::Memory));
        assert_eq!(Cost::new(47_104, 1, 1), Err(CostError::Iterations));
        assert_eq!(Cost::new(19_456, 2, 0), Err(CostError::Parallelism));
        assert_eq!(Cost::new(u32::MAX, 2, 1), Err(CostError::Memory));
    }
}

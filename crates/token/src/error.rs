//! What can be wrong with a key or a token.

/// Why a key was refused. Never holds key material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The list of keys is empty, or has an empty entry.
    #[error("no key given: expected a PASERK that starts with `{expected}`")]
    Missing {
        /// The kinds of key that would do.
        expected: &'static str,
    },
    /// The key is of another kind or version, or no PASERK at all.
    #[error("not the right kind of key: expected a PASERK that starts with `{expected}`")]
    Kind {
        /// The kinds of key that would do.
        expected: &'static str,
    },
    /// The key's data is not base64url without padding.
    #[error("the key is not base64url without padding: copy it whole")]
    Encoding,
    /// The key's data has the wrong number of bytes.
    #[error("the key has {found} bytes instead of {expected}: copy it whole")]
    Length {
        /// Bytes that this kind of key has.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// Every bit of the key is zero.
    #[error("the key is all zeros: generate a new one")]
    Zero,
    /// The public half within a secret key is not that of its seed.
    #[error("the two halves of the secret key do not belong together: generate a new one")]
    Mismatch,
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Random,
}

/// Why a token was refused, or could not be issued. Never holds any part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    #[error("the token is too long")]
    TooLong,
    /// Not four dot-separated parts of version 4, or not base64url.
    #[error("the token is malformed")]
    Malformed,
    /// A token that was made for another purpose, such as a refresh token given for an access one.
    #[error("the token is for another purpose")]
    WrongPurpose,
    /// Made with a key that is not known here, or no longer.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature or the seal does not hold.
    #[error("the token is not authentic")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet: the clocks may differ")]
    NotYetValid,
    /// Authentic, but a claim is missing or has a value that no issuer of ours writes. The text
    /// names the claim.
    #[error("the token's claims cannot be used: {0}")]
    Claims(&'static str),
    /// The time given cannot be written in a token: before 1970 or after 9999.
    #[error("the time is out of a token's range")]
    Time,
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Random,
}

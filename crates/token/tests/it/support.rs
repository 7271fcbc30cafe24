//! Keys, people and times that the cases share.

use std::time::{Duration, SystemTime};

use token::{AccessSigner, Identity, KeySet, RefreshKeys};
use uuid::Uuid;

/// A full set of parties with fresh keys.
pub(crate) struct Parties {
    pub(crate) keys: KeySet,
    pub(crate) signer: AccessSigner,
    pub(crate) refresh: RefreshKeys,
}

pub(crate) fn parties() -> Parties {
    let keys = token::generate().unwrap();
    Parties {
        signer: AccessSigner::from_paserk(&keys.access_secret).unwrap(),
        refresh: RefreshKeys::from_paserk(&keys.refresh).unwrap(),
        keys,
    }
}

/// A whole second, so that it survives the way into a token and back.
pub(crate) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_764_000_000)
}

pub(crate) fn alice() -> Identity {
    Identity {
        user_id: Uuid::from_u128(0xA11CE),
        session_id: Uuid::from_u128(0x5E55),
        roles: vec!["admin".into(), "user".into()],
        scopes: vec!["orders.read".into(), "orders.write".into()],
        auth_epoch: u64::MAX,
    }
}

//! Who a call comes from.

use std::time::SystemTime;

use uuid::Uuid;

/// Who a user's call comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user; claim `sub`.
    pub user_id: Uuid,
    /// The session that the token was issued in; claim `sid`.
    pub session_id: Uuid,
    /// The user's roles; claim `roles`.
    pub roles: Vec<String>,
    /// The user's epoch when the token was issued; claim `epoch`. A password change raises it,
    /// which ends every token with a lower one.
    pub auth_epoch: u64,
}

/// What a verified access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who calls.
    pub identity: Identity,
    /// When the token was issued, in whole seconds.
    pub issued_at: SystemTime,
    /// When the token ends, in whole seconds.
    pub expires_at: SystemTime,
}

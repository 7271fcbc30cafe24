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
    /// What the token is good for; claim `scope`, with spaces between (RFC 8693, 4.2).
    /// [`EVERY_SCOPE`](crate::EVERY_SCOPE) is all that its user may do.
    pub scopes: Vec<String>,
    /// The user's epoch when the token was issued; claim `epoch`. A password change raises it,
    /// which ends every token with a lower one.
    pub auth_epoch: u64,
}

impl Identity {
    /// Whether the token is good for what needs this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        let mut scopes = self.scopes.iter();
        scopes.any(|own| own == scope || own == crate::EVERY_SCOPE)
    }
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

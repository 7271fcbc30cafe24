//! What a token is for.

/// What a token is for. Two things tell purposes apart, and either would do: the `typ` claim, and
/// the implicit assertion, which is authenticated with the token but never part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A user's call.
    Access,
    /// A service's own call.
    Service,
    /// The renewal of a session.
    Refresh,
}

impl Purpose {
    /// The `typ` claim.
    pub(crate) fn typ(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Service => "service",
            Self::Refresh => "refresh",
        }
    }

    /// The implicit assertion.
    pub(crate) fn assertion(self) -> &'static [u8] {
        match self {
            Self::Access => b"trolleybus:access:v1",
            Self::Service => b"trolleybus:service:v1",
            Self::Refresh => b"trolleybus:refresh:v1",
        }
    }
}

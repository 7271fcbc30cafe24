//! What all purposes' claims share: issuer, audience, `typ`, and the time they hold.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::purpose::Purpose;
use crate::{CLOCK_LEEWAY, TokenError, timestamp};

/// The `iss` claim of every token.
pub(crate) const ISSUER: &str = "trolleybus";

/// The `aud` claim of every token.
pub(crate) const AUDIENCE: &str = "trolleybus";

/// A token's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) issued_at: SystemTime,
    pub(crate) not_before: SystemTime,
    pub(crate) expires_at: SystemTime,
}

/// The claims that every token has, as they are written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Common {
    iss: String,
    aud: String,
    typ: String,
    iat: String,
    nbf: String,
    exp: String,
}

// === impl Window ===

impl Window {
    /// From `now` until `expires_at`.
    pub(crate) fn new(now: SystemTime, expires_at: SystemTime) -> Self {
        Self {
            issued_at: now,
            not_before: now,
            expires_at,
        }
    }

    /// Whether `now` lies in it, give or take [`CLOCK_LEEWAY`]. The end itself is outside.
    pub(crate) fn check(&self, now: SystemTime) -> Result<(), TokenError> {
        let latest = now.checked_add(CLOCK_LEEWAY).ok_or(TokenError::Time)?;
        if self.issued_at > latest || self.not_before > latest {
            return Err(TokenError::NotYetValid);
        }
        // An end too far in the future to add to has not come.
        match self.expires_at.checked_add(CLOCK_LEEWAY) {
            Some(end) if now >= end => Err(TokenError::Expired),
            _ => Ok(()),
        }
    }
}

// === impl Common ===

impl Common {
    /// The claims of a token for `purpose`.
    pub(crate) fn new(purpose: Purpose, window: &Window) -> Result<Self, TokenError> {
        Ok(Self {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: purpose.typ().to_owned(),
            iat: timestamp::format(window.issued_at)?,
            nbf: timestamp::format(window.not_before)?,
            exp: timestamp::format(window.expires_at)?,
        })
    }

    /// Checks all that does not depend on the time, and returns the token's life.
    pub(crate) fn accept(&self, purpose: Purpose) -> Result<Window, TokenError> {
        if self.typ != purpose.typ() {
            return Err(TokenError::WrongPurpose);
        }
        if self.iss != ISSUER {
            return Err(TokenError::Claims("iss is not this platform"));
        }
        if self.aud != AUDIENCE {
            return Err(TokenError::Claims("aud is not this platform"));
        }
        let time = |claim: &str, fault| timestamp::parse(claim).ok_or(TokenError::Claims(fault));
        Ok(Window {
            issued_at: time(&self.iat, "iat is not a time")?,
            not_before: time(&self.nbf, "nbf is not a time")?,
            expires_at: time(&self.exp, "exp is not a time")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_leeway_is_granted_on_both_ends_and_no_more() {
        let window = Window::new(at(100), at(200));
        for (now, expected) in [
            (94, Err(TokenError::NotYetValid)),
            (95, Ok(())),
            (100, Ok(())),
            (200, Ok(())),
            (204, Ok(())),
            (205, Err(TokenError::Expired)),
            (9999, Err(TokenError::Expired)),
        ] {
            assert_eq!(window.check(at(now)), expected, "at {now}");
        }
    }

    #[test]
    fn not_before_counts_as_well_as_issued_at() {
        let window = Window {
            not_before: at(150),
            ..Window::new(at(100), at(200))
        };
        assert_eq!(window.check(at(144)), Err(TokenError::NotYetValid));
        assert_eq!(window.check(at(145)), Ok(()));
    }

    #[test]
    fn each_common_claim_is_checked() {
        let window = Window::new(at(100), at(200));
        let good = || Common::new(Purpose::Access, &window).unwrap();
        assert_eq!(good().accept(Purpose::Access), Ok(window));
        assert_eq!(
            good().accept(Purpose::Service),
            Err(TokenError::WrongPurpose)
        );
        let fault = |spoil: fn(&mut Common)| {
            let mut claims = good();
            spoil(&mut claims);
            claims.accept(Purpose::Access)
        };
        let claims = |text| Err(TokenError::Claims(text));
        assert_eq!(
            fault(|c| c.iss = "other".into()),
            claims("iss is not this platform")
        );
        assert_eq!(
            fault(|c| c.aud = "other".into()),
            claims("aud is not this platform")
        );
        assert_eq!(fault(|c| c.iat.clear()), claims("iat is not a time"));
        assert_eq!(fault(|c| c.nbf.clear()), claims("nbf is not a time"));
        assert_eq!(fault(|c| c.exp.clear()), claims("exp is not a time"));
    }
}

//! To whom a mail goes.

use std::str::FromStr as _;

use lettre::Address;
use lettre::message::Mailbox as Correspondent;
use thiserror::Error;

use super::DisplayName;

/// The longest address that SMTP carries ([RFC 5321](https://www.rfc-editor.org/rfc/rfc5321), 4.5.3.1.3, less the angle brackets).
const MAX_ADDRESS: usize = 254;

/// An address on the internet that can be mailed to, with the name of its owner where known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    address: Address,
    name: Option<DisplayName>,
}

/// An address cannot be mailed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecipientError {
    /// It is not an address at all.
    #[error("not an e-mail address")]
    Syntax,
    /// It exceeds what SMTP carries.
    #[error("an address has at most {MAX_ADDRESS} bytes")]
    TooLong,
    /// Its domain is `localhost`, a bare host name or an IP address.
    #[error("the domain must be a full one, such as example.com")]
    Domain,
}

// === impl Recipient ===

impl Recipient {
    /// Reads one address. A domain in another script is turned into its ASCII form.
    ///
    /// # Errors
    /// Not an address, a quoted local part, an address that is too long, or a domain that is not
    /// one of the public internet.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        if text.len() > MAX_ADDRESS {
            return Err(RecipientError::TooLong);
        }
        // Quoted local parts may hold spaces and brackets; no provider hands them out.
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>');
        if text.contains(odd) {
            return Err(RecipientError::Syntax);
        }
        let address = Address::from_str(text).map_err(|_| RecipientError::Syntax)?;
        let domain = idna::domain_to_ascii(address.domain()).map_err(|_| RecipientError::Domain)?;
        if !is_public_domain(&domain) {
            return Err(RecipientError::Domain);
        }
        let address = Address::new(address.user(), &domain).map_err(|_| RecipientError::Syntax)?;
        if address.to_string().len() > MAX_ADDRESS {
            return Err(RecipientError::TooLong);
        }
        Ok(Self {
            address,
            name: None,
        })
    }

    /// The same address with the name of its owner.
    #[must_use]
    pub fn named(self, name: Option<DisplayName>) -> Self {
        Self { name, ..self }
    }

    /// The address without the name.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Address and name as a header shows them.
    #[must_use]
    pub fn correspondent(&self) -> Correspondent {
        let name = self.name.as_ref().map(|name| name.as_str().to_owned());
        Correspondent::new(name, self.address.clone())
    }
}

/// Two labels or more, none empty, the last not a number: so neither `localhost` nor an IP address.
fn is_public_domain(domain: &str) -> bool {
    let Some((rest, last)) = domain.rsplit_once('.') else {
        return false;
    };
    !last.is_empty()
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && !domain.starts_with('[')
        && rest.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_addresses_are_read() {
        for text in [
            "ada@example.com",
            "a.b+c@mail.example.co.uk",
            "o'brien@example.com",
        ] {
            assert_eq!(Recipient::parse(text).unwrap().address().to_string(), text);
        }
    }

    #[test]
    fn a_domain_in_another_script_becomes_ascii() {
        let recipient = Recipient::parse("ada@bücher.example").unwrap();
        assert_eq!(recipient.address().to_string(), "ada@xn--bcher-kva.example");
    }

    #[test]
    fn domains_that_are_not_of_the_internet_are_refused() {
        for text in [
            "a@localhost",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@host.1",
        ] {
            assert!(Recipient::parse(text).is_err(), "{text}");
        }
        assert_eq!(Recipient::parse("a@localhost"), Err(RecipientError::Domain));
    }

    #[test]
    fn what_is_more_than_one_plain_address_is_refused() {
        let hostile = [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example.com, eve@evil.example",
            "Ada <ada@example.com>",
            "ada@example.com\r\nBcc: eve@evil.example",
            "ada@example.com\nRCPT TO:<eve@evil.example>",
            "ada\0@example.com",
            "\"a b\"@example.com",
            "\"a>\"@example.com",
            "ada@exam ple.com",
            "ada@example..com",
            "ada@.example.com",
            "ada@example.com> SIZE=1",
        ];
        for text in hostile {
            assert!(Recipient::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_longer_than_smtp_carries_is_refused() {
        let text = format!("a@{}.example.com", "b.".repeat(150));
        assert_eq!(Recipient::parse(&text), Err(RecipientError::TooLong));
    }
}

//! E-mail addresses: which are taken, and when two are the same account.

use crate::error::Violation;
use crate::text::is_invisible;

/// As many bytes as a path of SMTP holds without its brackets (RFC 5321, 4.5.3.1.3).
const MAX_BYTES: usize = 254;

/// As many bytes as a local part may have (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    typed: String,
    mailbox: String,
    canonical: String,
}

// === impl Email ===

impl Email {
    /// Reads an address as somebody typed it.
    ///
    /// Taken is `local@domain`, where the local part is a dot-atom of RFC 5322 in ASCII and the
    /// domain, after IDNA (UTS 46, strict), is a host name with a dot in it. Quoted local parts,
    /// address literals and SMTPUTF8 are refused: hardly any provider issues them, and mail to them
    /// does not arrive everywhere.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, Violation> {
        let typed = typed.trim();
        let refuse = |description: &str| Violation {
            field: "email",
            reason: "EMAIL_INVALID",
            description: description.into(),
        };
        // Before anything is done with it: encoding a label takes the square of its length.
        if typed.len() > MAX_BYTES {
            return Err(refuse("at most 254 bytes"));
        }
        // Before IDNA, which drops many of them: two addresses that look alike but differ in bytes
        // would be taken as typed.
        if typed.chars().any(|c| is_invisible(c) || c.is_whitespace()) {
            return Err(refuse("no spaces, control or invisible characters"));
        }
        let (local, domain) = typed
            .rsplit_once('@')
            .ok_or_else(|| refuse("expected an address, local@domain"))?;
        if local.len() > MAX_LOCAL_BYTES || !is_dot_atom(local) {
            return Err(refuse(
                "before the @: 1 to 64 letters, digits and !#$%&'*+/=?^_`{|}~- with single dots between",
            ));
        }
        let domain = idna::domain_to_ascii_strict(domain)
            .ok()
            .filter(|domain| is_host_name(domain))
            .ok_or_else(|| refuse("after the @: a domain name with a dot, such as example.com"))?;
        let mailbox = format!("{local}@{domain}");
        if mailbox.len() > MAX_BYTES {
            return Err(refuse("at most 254 bytes"));
        }
        let canonical = mailbox.to_ascii_lowercase();
        Ok(Self {
            typed: typed.to_owned(),
            mailbox,
            canonical,
        })
    }

    /// The address as it was typed, for display.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// The address to send to: the local part as it was typed, the domain in ASCII.
    #[must_use]
    pub fn mailbox(&self) -> &str {
        &self.mailbox
    }

    /// What identifies the account: the mailbox in lower case. RFC 5321 leaves the case of a local
    /// part to its host, but no host in use tells `Ada@` from `ada@`, and people type either.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.canonical
            .split_once('@')
            .map_or("", |(local, _)| local)
    }
}

/// RFC 5322, 3.2.3.
fn is_dot_atom(text: &str) -> bool {
    let is_atext = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&c);
    text.split('.')
        .all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// Whether an ASCII domain is one that mail can go to: it has a dot and is no IPv4 address.
fn is_host_name(domain: &str) -> bool {
    let Some((_, last)) = domain.rsplit_once('.') else {
        return false;
    };
    !last.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_account_however_it_is_typed() {
        for (typed, canonical) in [
            ("ada@example.com", "ada@example.com"),
            ("  Ada@EXAMPLE.com\n", "ada@example.com"),
            ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@BU\u{308}CHER.example", "ada@xn--bcher-kva.example"),
            ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
            ("ada@example。com", "ada@example.com"),
            ("a.d+a_1@mail.example.co.uk", "a.d+a_1@mail.example.co.uk"),
        ] {
            assert_eq!(
                Email::parse(typed).unwrap().canonical(),
                canonical,
                "{typed:?}"
            );
        }
    }

    #[test]
    fn typed_and_mailbox_are_kept_apart() {
        let email = Email::parse(" Ada@Bücher.example").unwrap();
        assert_eq!(email.as_typed(), "Ada@Bücher.example");
        assert_eq!(email.mailbox(), "Ada@xn--bcher-kva.example");
        assert_eq!(email.local_part(), "ada");
    }

    #[test]
    fn addresses_that_are_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long = format!("a@{}com", "bcdefgh.".repeat(32));
        for typed in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "ada@example",
            "ada@example.com.",
            "ada@.example.com",
            "ada@example..com",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "ada@exa_mple.com",
            "ada@-example.com",
            ".ada@example.com",
            "a..da@example.com",
            "ada@home@example.com",
            "\"ada\"@example.com",
            "Ada <ada@example.com>",
            "ada@example.com\0",
            "ada\0@example.com",
            "ada@exam\u{ad}ple.com",
            "a\u{200b}da@example.com",
            "ada\r\n@example.com",
            "ädä@example.com",
            long_local.as_str(),
            long_label.as_str(),
            long.as_str(),
        ] {
            assert_eq!(
                Email::parse(typed).unwrap_err().reason,
                "EMAIL_INVALID",
                "{typed:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(typed in "\\PC{0,20}@\\PC{0,20}\\.[a-z]{2,5}") {
            if let Ok(email) = Email::parse(&typed) {
                let again = Email::parse(email.canonical()).unwrap();
                prop_assert_eq!(again.canonical(), email.canonical());
                prop_assert!(email.canonical().is_ascii());
            }
        }
    }
}

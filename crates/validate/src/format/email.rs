//! E-mail addresses, by the [HTML standard]'s expression: what browsers accept, which is less than
//! RFC 5322 allows, and needs no dot in the domain.
//!
//! [HTML standard]: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address

use super::host::is_label;

pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    !local.is_empty() && local.bytes().all(is_local) && domain.split('.').all(is_label)
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_browsers_accept_are_accepted() {
        for text in [
            "a@b",
            "first.last+tag@example.co.uk",
            "!#$%&'*+/=?^_`{|}~-@x",
            ".a.@b-c.d",
        ] {
            assert!(is_email(text), "{text}");
        }
        assert!(is_email(&format!("a@{}", "a".repeat(63))));
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b.",
            "a@.b",
            "a@b..c",
            "a@-b",
            "a@b-",
            "a@b_c",
            "ä@b",
            "a@ä",
            "a@[127.0.0.1]",
            "a@b\n",
            "\"a\"@b",
        ] {
            assert!(!is_email(text), "{text}");
        }
        assert!(!is_email(&format!("a@{}", "a".repeat(64))));
    }
}

//! The URL of an SMTP server.

use std::fmt;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::{Host, Url};

/// An SMTP server and how to speak to it. Never prints its password.
///
/// `smtp[s]://[user:password@]host[:port][/ehlo-name][?tls=required|opportunistic]`, where reserved
/// characters of user and password are percent-encoded:
///
/// | URL | Encryption | Default port |
/// |---|---|---|
/// | `smtps://host` | TLS from the first byte | 465 |
/// | `smtp://host?tls=required` | STARTTLS, or no mail | 587 |
/// | `smtp://host?tls=opportunistic` | STARTTLS where the server offers it | 587 |
/// | `smtp://host` | none | 25 |
#[derive(Clone)]
pub struct Server {
    /// A name or an IP address, the latter without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// How this client introduces itself.
    pub hello: ClientId,
    /// User and password.
    pub credentials: Option<Credentials>,
}

/// Whether and how a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Never,
    /// By STARTTLS where the server offers it, which an attacker on the way can prevent.
    Opportunistic,
    /// By STARTTLS.
    Required,
    /// From the first byte.
    Implicit,
}

/// A URL does not name an SMTP server. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ServerError {
    /// Not a URL.
    #[error(
        "expected a URL such as smtps://user:password@host:465; percent-encode reserved characters"
    )]
    Syntax,
    /// Not a scheme of SMTP.
    #[error("expected the scheme smtp or smtps")]
    Scheme,
    /// No host.
    #[error("the host is missing")]
    Host,
    /// User without password, or one that is not UTF-8.
    #[error("expected user and password together, percent-encoded UTF-8")]
    Credentials,
    /// The path is not a name.
    #[error("the path is the name of this client: letters, digits, '-' and '.'")]
    Hello,
    /// An unknown parameter or value.
    #[error("the only parameter is tls, of smtp://, with the value required or opportunistic")]
    Parameter,
}

// === impl Server ===

impl Server {
    /// Reads the URL of a server.
    ///
    /// # Errors
    /// Anything that is not of the form above; nothing is ignored.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let url = Url::parse(text).map_err(|_| ServerError::Syntax)?;
        let implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(ServerError::Scheme),
        };
        let tls = tls(&url, implicit)?;
        let host = match url.host().ok_or(ServerError::Host)? {
            Host::Domain("") => return Err(ServerError::Host),
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        if url.fragment().is_some() {
            return Err(ServerError::Parameter);
        }
        let default_port = match tls {
            Tls::Implicit => 465,
            Tls::Required | Tls::Opportunistic => 587,
            Tls::Never => 25,
        };
        let port = url.port().unwrap_or(default_port);
        Ok(Self {
            host,
            port,
            tls,
            hello: hello(&url)?,
            credentials: credentials(&url)?,
        })
    }

    /// Host and port, for people.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address())
            .field("tls", &self.tls)
            .field("authenticates", &self.credentials.is_some())
            .finish()
    }
}

fn tls(url: &Url, implicit: bool) -> Result<Tls, ServerError> {
    let mut tls = None;
    for (name, value) in url.query_pairs() {
        let parsed = match (name.as_ref(), value.as_ref()) {
            ("tls", "required") => Tls::Required,
            ("tls", "opportunistic") => Tls::Opportunistic,
            _ => return Err(ServerError::Parameter),
        };
        if implicit || tls.replace(parsed).is_some() {
            return Err(ServerError::Parameter);
        }
    }
    Ok(tls.unwrap_or(if implicit { Tls::Implicit } else { Tls::Never }))
}

fn hello(url: &Url) -> Result<ClientId, ServerError> {
    let name = url.path().strip_prefix('/').unwrap_or_default();
    if name.is_empty() {
        return Ok(ClientId::default());
    }
    if name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    {
        return Ok(ClientId::Domain(name.to_owned()));
    }
    Err(ServerError::Hello)
}

fn credentials(url: &Url) -> Result<Option<Credentials>, ServerError> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| ServerError::Credentials)
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(ServerError::Credentials),
        (user, Some(password)) => Ok(Some(Credentials::new(decode(user)?, decode(password)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_and_port_follow_from_the_url() {
        for (url, tls, address) in [
            ("smtps://mail.example", Tls::Implicit, "mail.example:465"),
            (
                "smtp://mail.example?tls=required",
                Tls::Required,
                "mail.example:587",
            ),
            (
                "smtp://mail.example?tls=opportunistic",
                Tls::Opportunistic,
                "mail.example:587",
            ),
            ("smtp://mail.example", Tls::Never, "mail.example:25"),
            ("smtp://127.0.0.1:1025", Tls::Never, "127.0.0.1:1025"),
            ("smtps://[::1]:2525", Tls::Implicit, "[::1]:2525"),
        ] {
            let server = Server::parse(url).unwrap();
            assert_eq!(
                (server.tls, server.address().as_str()),
                (tls, address),
                "{url}"
            );
            assert_eq!(server.credentials, None);
        }
    }

    #[test]
    fn user_and_password_are_percent_decoded() {
        let server = Server::parse("smtps://ada%40example.com:p%3A%2F%C3%A9@mail.example").unwrap();
        let expected = Credentials::new("ada@example.com".into(), "p:/é".into());
        assert_eq!(server.credentials, Some(expected));
    }

    #[test]
    fn the_path_names_this_client() {
        let server = Server::parse("smtp://mail.example/app.example").unwrap();
        assert_eq!(server.hello, ClientId::Domain("app.example".into()));
        assert_eq!(
            Server::parse("smtp://h/a%0d%0aQUIT").unwrap_err(),
            ServerError::Hello
        );
    }

    #[test]
    fn nothing_that_is_not_understood_is_ignored() {
        for (url, error) in [
            ("mail.example", ServerError::Syntax),
            ("http://mail.example", ServerError::Scheme),
            ("smtp:mail.example", ServerError::Host),
            ("smtp://", ServerError::Host),
            ("smtp://user@mail.example", ServerError::Credentials),
            ("smtp://:secret@mail.example", ServerError::Credentials),
            ("smtp://u:%ff@mail.example", ServerError::Credentials),
            ("smtp://mail.example?tls=yes", ServerError::Parameter),
            (
                "smtp://mail.example?tls=required&tls=required",
                ServerError::Parameter,
            ),
            ("smtps://mail.example?tls=required", ServerError::Parameter),
            ("smtp://mail.example?timeout=3", ServerError::Parameter),
            ("smtp://mail.example#x", ServerError::Parameter),
        ] {
            assert_eq!(Server::parse(url).unwrap_err(), error, "{url}");
        }
    }
}

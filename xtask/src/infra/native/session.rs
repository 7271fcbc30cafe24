//! Just enough of PostgreSQL's protocol (version 3) to ask a server that trusts its clients: the
//! client programs are a package of their own, which need not be there.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Result, bail};

use super::postgres::NAME;
use super::probe;

/// Protocol 3.0.
const VERSION: i32 = 3 << 16;
/// Far above any message of the few queries that are sent.
const LONGEST: u32 = 1 << 20;

/// A connection to the database that is always there, `template1`'s sibling `postgres`.
pub(super) struct Session(TcpStream);

impl Session {
    /// # Errors
    /// When nothing listens, or the server is not ready for clients.
    pub(super) fn open(port: u16) -> Result<Self> {
        let mut session = Self(probe::connect(port)?);
        let mut body = VERSION.to_be_bytes().to_vec();
        for text in ["user", NAME, "database", "postgres", ""] {
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        session.send(None, &body)?;
        session.until_ready()?;
        Ok(session)
    }

    /// Runs one statement and returns how many rows it gave.
    ///
    /// # Errors
    /// With the server's message when it refuses.
    pub(super) fn query(&mut self, statement: &str) -> Result<usize> {
        let mut body = statement.as_bytes().to_vec();
        body.push(0);
        self.send(Some(b'Q'), &body)?;
        self.until_ready()
    }

    /// A message is its kind (absent in the first one), its length with itself counted, its body.
    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<()> {
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend_from_slice(&u32::try_from(body.len() + 4)?.to_be_bytes());
        message.extend_from_slice(body);
        Ok(self.0.write_all(&message)?)
    }

    /// Reads up to `ReadyForQuery` and counts the rows on the way.
    fn until_ready(&mut self) -> Result<usize> {
        let mut rows = 0;
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let length = u32::from_be_bytes(length);
            if !(4..LONGEST).contains(&length) {
                bail!("an answer that is not PostgreSQL's");
            }
            let mut body = vec![0; usize::try_from(length - 4)?];
            self.0.read_exact(&mut body)?;
            match kind {
                b'Z' => return Ok(rows),
                b'D' => rows += 1,
                b'E' => bail!("PostgreSQL says: {}", message(&body)),
                b'R' if body != [0; 4] => bail!("PostgreSQL wants a password"),
                _ => {}
            }
        }
    }
}

/// The readable field of an error: fields are a letter and a text that ends with a zero.
fn message(body: &[u8]) -> String {
    let fields = body.split(|&byte| byte == 0);
    let text = fields
        .into_iter()
        .find_map(|field| field.strip_prefix(b"M"));
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_an_error_is_found_among_its_fields() {
        assert_eq!(message(b"SFATAL\0C57P03\0Mstarting up\0\0"), "starting up");
        assert_eq!(message(b""), "");
    }
}

//! An SMTP server that keeps what it is given.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::platform::Mail;

/// A running server; it ends with the test's runtime.
pub(crate) struct Sink {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
}

// === impl Sink ===

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mails = Arc::<Mutex<Vec<Mail>>>::default();
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&kept)));
            }
        });
        Self { address, mails }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

/// One connection, to its end. `None` where the client went away.
async fn converse(stream: TcpStream, mails: Arc<Mutex<Vec<Mail>>>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut to = String::new();
    write.write_all(b"220 sink\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let verb = line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => write
                .write_all(b"250-sink\r\n250 8BITMIME\r\n")
                .await
                .ok()?,
            "QUIT" => return write.write_all(b"221 bye\r\n").await.ok(),
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut text = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(&line));
                    text.push('\n');
                }
                mails.lock().unwrap().push(Mail {
                    to: std::mem::take(&mut to),
                    text,
                });
                write.write_all(b"250 kept\r\n").await.ok()?;
            }
            _ => {
                if verb == "RCPT" {
                    to.push_str(&line);
                }
                write.write_all(b"250 fine\r\n").await.ok()?;
            }
        }
    }
    Some(())
}

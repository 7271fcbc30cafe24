//! One question and its answer over TCP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Result;

const LIMIT: Duration = Duration::from_secs(2);

/// Connects to a local port with a time limit on connecting, reading and writing.
///
/// # Errors
/// When nothing accepts the connection.
pub(super) fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// Sends `question` and reads exactly `N` bytes.
///
/// # Errors
/// When the connection fails or the answer is shorter.
pub(super) fn ask<const N: usize>(stream: &mut TcpStream, question: &[u8]) -> Result<[u8; N]> {
    let mut answer = [0; N];
    stream.write_all(question)?;
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

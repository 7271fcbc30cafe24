//! Free ports.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::{Result, bail};

/// Below the range that operating systems hand out to outgoing connections and to servers on port 0
/// (32768 and up on Linux, 49152 and up elsewhere): nothing takes such a port by accident while its
/// server is being started, or is down for a moment in a test of an outage.
const RANGE: Range<u16> = 15_000..32_000;

/// How many ports are tried before giving up.
const ATTEMPTS: u16 = 2_000;

/// Picks `count` different ports on which nothing listens.
///
/// # Errors
/// When no such ports are found.
pub(crate) fn pick(count: usize) -> Result<Vec<u16>> {
    // A random start keeps sets that are started at the same moment apart.
    let width = RANGE.end - RANGE.start;
    let start = u16::try_from(RandomState::new().hash_one(std::process::id()) % u64::from(width))?;
    let mut held = Vec::with_capacity(count);
    for offset in 0..ATTEMPTS {
        if held.len() == count {
            break;
        }
        let port = RANGE.start + (start + offset) % width;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push((port, listener));
        }
    }
    if held.len() < count {
        bail!(
            "no {count} free ports between {} and {}",
            RANGE.start,
            RANGE.end
        );
    }
    Ok(held.into_iter().map(|(port, _)| port).collect())
}

/// Whether nothing listens on `port`.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picked_ports_differ_and_can_be_bound() {
        let mut ports = pick(8).unwrap();
        for &port in &ports {
            assert!(RANGE.contains(&port));
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 8);
    }

    #[test]
    fn a_port_in_use_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}

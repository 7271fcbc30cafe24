//! Who is at the other end: the peer of the connection, or whom the proxies before the gateway name.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};

/// Where each proxy adds the address that it was called from, at the end.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
pub type Peer = Client;

/// The client of a request, in its extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its address; of IPv4 where it is one, however it was written.
    pub address: IpAddr,
    /// The same as text. A connection's is made once, for all of its requests.
    pub text: HeaderValue,
}

// === impl Client ===

impl Client {
    /// The client at an address.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let text = HeaderValue::try_from(address.to_string());
        Self {
            address,
            text: text.unwrap_or(HeaderValue::from_static("unknown")),
        }
    }
}

/// The client of a request over a connection from `peer`. `proxies` is how many stand before the
/// gateway: so many addresses are known to be true, counted from the end. Without any the header is
/// what a client says of itself, and is not looked at.
pub fn of(headers: &HeaderMap, peer: &Peer, proxies: usize) -> Client {
    match proxies {
        0 => peer.clone(),
        proxies => match named(headers, peer.address, proxies) {
            address if address == peer.address => peer.clone(),
            address => Client::at(address),
        },
    }
}

fn named(headers: &HeaderMap, peer: IpAddr, proxies: usize) -> IpAddr {
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let named: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
    let named = named.iter().rev().flat_map(|line| line.rsplit(','));
    let mut client = peer;
    for entry in named.take(proxies) {
        match address(entry.trim()) {
            Some(address) => client = address.to_canonical(),
            // Beyond what cannot be read nothing is known: the proxy that wrote it is as far as we see.
            None => break,
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip()).ok();
    bare.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(lines: &[&str], proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let client = of(&headers, &Peer::at([10, 0, 0, 1].into()), proxies);
        assert_eq!(client.text, client.address.to_string());
        client.address.to_string()
    }

    #[test]
    fn without_proxies_the_client_is_the_peer_whatever_it_says() {
        assert_eq!(client(&["192.0.2.7"], 0), "10.0.0.1");
        assert_eq!(client(&[], 2), "10.0.0.1");
    }

    #[test]
    fn the_client_is_whom_the_outermost_proxy_was_called_by() {
        // What a client adds in front of it is not believed.
        assert_eq!(client(&["1.2.3.4, 192.0.2.7"], 1), "192.0.2.7");
        assert_eq!(client(&["1.2.3.4, 192.0.2.7, 10.0.0.2"], 2), "192.0.2.7");
        assert_eq!(client(&["1.2.3.4", "192.0.2.7,10.0.0.2"], 2), "192.0.2.7");
        assert_eq!(client(&["192.0.2.7"], 2), "192.0.2.7");
    }

    #[test]
    fn every_form_of_an_address_is_read_and_what_is_none_ends_the_search() {
        for (text, address) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
            ("192.0.2.7, unknown", "10.0.0.1"),
        ] {
            assert_eq!(client(&[text], 1), address, "{text}");
        }
        assert_eq!(client(&["192.0.2.7, unknown, 10.0.0.2"], 3), "10.0.0.2");
    }
}

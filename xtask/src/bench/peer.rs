//! Another system to measure beside ours.

use std::str::FromStr;

/// A name and the command that starts or measures it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) command: String,
}

impl FromStr for Peer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('=').ok_or("expected NAME=COMMAND")?;
        if parts.0.is_empty() || parts.1.is_empty() {
            return Err("neither the name nor the command may be empty");
        }
        let (name, command) = (parts.0.to_owned(), parts.1.to_owned());
        Ok(Self { name, command })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_and_a_command() {
        let peer: Peer = "go=bin/gateway --x=1".parse().unwrap();
        let parts = (peer.name.as_str(), peer.command.as_str());
        assert_eq!(parts, ("go", "bin/gateway --x=1"));
        assert!("go".parse::<Peer>().is_err() && "=x".parse::<Peer>().is_err());
        assert!("go=".parse::<Peer>().is_err());
    }
}

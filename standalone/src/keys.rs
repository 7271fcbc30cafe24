//! Keys of standalone's own: made at the first start, kept beside the accounts.

use std::path::Path;

use anyhow::{Context as _, Result};
use bus::keys::KeyRing;
use chassis::command::KeysVerb;
use token::{AccessSigner, RefreshKeys};
use user::session::WrappingKeys;

/// The keys of the platform.
pub(crate) struct Keys {
    pub(crate) signer: AccessSigner,
    pub(crate) refresh: RefreshKeys,
    pub(crate) bus: KeyRing,
    pub(crate) session: WrappingKeys,
}

/// Reads the keys of `dir`, and makes those that are missing.
pub(crate) fn open(dir: &Path) -> Result<Keys> {
    KeysVerb::Generate {
        format: "env".into(),
        out: Some(dir.to_owned()),
    }
    .run()?;
    let read = |name: &str| {
        let path = dir.join(name);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        anyhow::Ok(text.trim().to_owned())
    };
    let named = |name: &'static str| move || format!("{}: not a key", dir.join(name).display());
    Ok(Keys {
        signer: AccessSigner::from_paserk(&read("paseto-access-secret")?)
            .with_context(named("paseto-access-secret"))?,
        refresh: RefreshKeys::from_paserk(&read("paseto-refresh")?)
            .with_context(named("paseto-refresh"))?,
        bus: KeyRing::parse(&read("bus")?).with_context(named("bus"))?,
        session: read("session")?.parse().with_context(named("session"))?,
    })
}

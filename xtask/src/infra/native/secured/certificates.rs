//! The certificates: two authorities, of which the broker and its client know one.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// The authority that vouches for the broker and its client.
pub(super) const CA: &str = "ca.pem";
/// An authority that vouches for nobody.
const OTHER_CA: &str = "other-ca.pem";
/// The broker's key and certificate, as Kafka has them: in one file.
pub(super) const BROKER: &str = "broker.pem";
/// The client's certificate and its key.
const CLIENT: (&str, &str) = ("client.pem", "client.key");
/// Who the client is.
pub(super) const CLIENT_NAME: &str = "client";

/// Makes them all, as PEM files.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(dir: &Path) -> Result<()> {
    let (issuer, ca) = authority("the tests' authority")?;
    fs::write(dir.join(CA), ca)?;
    let (_, other) = authority("another authority")?;
    fs::write(dir.join(OTHER_CA), other)?;
    let (certificate, key) = signed("broker", &issuer)?;
    fs::write(dir.join(BROKER), key + &certificate)?;
    let (certificate, key) = signed(CLIENT_NAME, &issuer)?;
    fs::write(dir.join(CLIENT.0), certificate)?;
    fs::write(dir.join(CLIENT.1), key)?;
    Ok(())
}

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String)> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), certificate))
}

/// A certificate and its key.
fn signed(name: &str, issuer: &Issuer<'_, KeyPair>) -> Result<(String, String)> {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()])?;
    // The name that comes with the default would be a part of what the broker calls the client.
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

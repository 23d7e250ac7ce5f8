//! Whom the source trusts and how it proves who it is, with authorities made for the test.

use std::path::PathBuf;
use std::sync::Arc;

use burnwatch::io::http::{self, KeyPair as Identity, Tls};
use burnwatch::io::prometheus::{Config, Error};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use super::fake::{Fake, TWO_SAMPLES};
use super::{at, samples};

/// An authority, and the files of what it signs.
struct Authority {
    files: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn named(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { files, issuer }
    }

    fn ca_file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// A certificate for `name`, signed by this authority, and its key.
    fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_string()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let cert_file = self.files.path().join(format!("{name}.pem"));
        let key_file = self.files.path().join(format!("{name}.key"));
        std::fs::write(&cert_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        Identity { cert_file, key_file }
    }

    /// A source that shows a certificate for `name` and, where `asks`, wants one of this authority in return.
    async fn source(&self, name: &str, asks: bool) -> Fake {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = ServerConfig::builder();
        let server = if asks {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            server.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        } else {
            server.with_no_client_auth()
        };
        let Identity { cert_file, key_file } = self.identity(name);
        let chain = vec![CertificateDer::from_pem_file(cert_file).unwrap()];
        let server = server.with_single_cert(chain, PrivateKeyDer::from_pem_file(key_file).unwrap()).unwrap();
        Fake::answering_over_tls(server, TWO_SAMPLES).await
    }
}

fn config(fake: &Fake, ca_file: Option<PathBuf>, identity: Option<Identity>) -> Config {
    let mut config = at(&fake.url);
    config.http.tls = Tls { ca_file, identity };
    config
}

#[tokio::test]
async fn trusts_the_authority_it_is_told_to_trust_and_no_other() {
    let (ours, other) = (Authority::named("ours"), Authority::named("other"));
    let fake = ours.source("127.0.0.1", false).await;
    assert_eq!(samples(&config(&fake, Some(ours.ca_file()), None)).await.unwrap().samples, 2);
    for stranger in [None, Some(other.ca_file())] {
        let error = samples(&config(&fake, stranger, None)).await.unwrap_err();
        assert!(matches!(error, Error::Http(http::Error::Untrusted { .. })), "{error}");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        assert!(error.remedy().contains("tls.ca_file"));
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let ours = Authority::named("ours");
    let fake = ours.source("elsewhere.example", false).await;
    let error = samples(&config(&fake, Some(ours.ca_file()), None)).await.unwrap_err();
    assert!(matches!(error, Error::Http(http::Error::Untrusted { .. })), "{error}");
}

#[tokio::test]
async fn shows_its_certificate_to_a_source_that_asks_for_one() {
    let ours = Authority::named("ours");
    let fake = ours.source("127.0.0.1", true).await;
    let known = config(&fake, Some(ours.ca_file()), Some(ours.identity("burnwatch")));
    assert_eq!(samples(&known).await.unwrap().samples, 2);
    let error = samples(&config(&fake, Some(ours.ca_file()), None)).await.unwrap_err();
    assert!(matches!(error, Error::Http(http::Error::Handshake { .. })), "{error}");
    assert!(error.remedy().contains("tls.cert_file"));
}

#[tokio::test]
async fn files_that_hold_no_certificate_are_named_at_start() {
    let ours = Authority::named("ours");
    let fake = ours.source("127.0.0.1", false).await;
    let gone = ours.files.path().join("gone.pem");
    let error = samples(&config(&fake, Some(gone.clone()), None)).await.unwrap_err();
    assert!(error.to_string().contains("gone.pem cannot be read: No such file"), "{error}");
    let key_file = ours.identity("burnwatch").key_file;
    let error = samples(&config(&fake, Some(key_file.clone()), None)).await.unwrap_err();
    assert!(error.to_string().ends_with("burnwatch.key holds no PEM certificate"), "{error}");
    let halves = |cert_file, key_file| config(&fake, None, Some(Identity { cert_file, key_file }));
    let error = samples(&halves(ours.ca_file(), ours.ca_file())).await.unwrap_err();
    assert!(error.to_string().contains("ca.pem holds no PEM certificate, or its key_file no PEM key"), "{error}");
    let error = samples(&halves(ours.ca_file(), key_file)).await.unwrap_err();
    assert!(error.to_string().contains("KeyMismatch"), "{error}");
}

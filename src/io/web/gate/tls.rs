//! The `tls_server_config` of web.yml: which certificate is shown, and which are asked for. What rustls does not do is
//! refused, never left out in silence.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::io::http;
use crate::units::Problem;
use crate::yaml::{Fields, Node};

/// Which file cannot be used, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

/// What is written of TLS, before any file is read.
#[derive(Debug)]
pub struct Tls {
    cert_file: PathBuf,
    key_file: PathBuf,
    client_ca_file: Option<PathBuf>,
    client_auth: ClientAuth,
    versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether our order of cipher suites counts, and not the client's.
    is_order_ours: bool,
}

/// Whether clients have to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientAuth {
    None,
    IfGiven,
    Required,
    /// Of the two that look at no signature.
    Unverified,
}

/// By the names that exporter-toolkit has of Go.
const CLIENT_AUTH: [(&str, ClientAuth); 5] = [
    ("NoClientCert", ClientAuth::None),
    ("VerifyClientCertIfGiven", ClientAuth::IfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::Required),
    ("RequestClientCert", ClientAuth::Unverified),
    ("RequireAnyClientCert", ClientAuth::Unverified),
];

const CLIENT_AUTH_REMEDY: &str =
    "write RequireAndVerifyClientCert or VerifyClientCertIfGiven beside a client_ca_file, or neither";

/// TLS 1.0 and 1.1 are broken and rustls never had them.
const VERSIONS: [(&str, u8); 2] = [("TLS12", 12), ("TLS13", 13)];

/// What a file says that we do not do: the key, and what to do about it.
const NOT_DONE: [(&str, &str); 3] = [
    ("cipher_suites", "remove it: only suites without known weaknesses are offered"),
    ("curve_preferences", "remove it: only curves without known weaknesses are offered"),
    ("client_allowed_sans", "remove it, and let client_ca_file sign for those only who may come in"),
];

impl Tls {
    /// None where something is wrong.
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Tls> {
        let before = problems.len();
        let mut fields = Fields::of(node, "tls_server_config", problems)?;
        fields.require("cert_file").require("key_file");
        let [cert_file, key_file, client_ca_file] =
            ["cert_file", "key_file", "client_ca_file"].map(|key| http::path(&mut fields, key));
        let place = fields.place_of("client_auth_type").unwrap_or(&node.place);
        let client_auth = fields.choice("client_auth_type", &CLIENT_AUTH).unwrap_or(ClientAuth::None);
        let wrong = match (client_auth, &client_ca_file) {
            (ClientAuth::Unverified, _) => Some("takes any certificate, which proves nothing"),
            (ClientAuth::IfGiven | ClientAuth::Required, None) => Some("wants a client_ca_file to verify with"),
            (ClientAuth::None, Some(_)) => Some("has to say what becomes of client_ca_file"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let (what, remedy) = (format!("client_auth_type {wrong}"), CLIENT_AUTH_REMEDY);
            fields.problems.push(Problem::error("client_auth_type", what, remedy).at(place));
        }
        let least = fields.choice("min_version", &VERSIONS).unwrap_or(12);
        let most = fields.choice("max_version", &VERSIONS).unwrap_or(13);
        let is_order_ours = fields.choice("prefer_server_cipher_suites", &[("true", true), ("false", false)]);
        for (key, remedy) in NOT_DONE {
            if let Some(node) = fields.take(key) {
                fields.refuse(node, key, &format!("{key} cannot be chosen here"), remedy);
            }
        }
        fields.done();
        if least > most {
            let what = "min_version is above max_version";
            problems.push(Problem::error("min_version", what, "remove one").at(&node.place));
        }
        let versions = [(12, &TLS12), (13, &TLS13)].into_iter().filter(|(version, _)| (least..=most).contains(version));
        let versions = versions.map(|(_, version)| version).collect();
        let is_right = problems.len() == before;
        let (cert_file, key_file, is_order_ours) = (cert_file?, key_file?, is_order_ours.unwrap_or(true));
        is_right.then_some(Tls { cert_file, key_file, client_ca_file, client_auth, versions, is_order_ours })
    }

    /// The files that it depends on.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.cert_file, &self.key_file].into_iter().chain(&self.client_ca_file).map(|path| &**path)
    }

    /// What the files make of it, or the first thing that is wrong with them.
    pub fn server(&self) -> Result<ServerConfig, Unusable> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&self.cert_file)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key_file)?);
        let key = key.map_err(|_| unusable(&self.key_file, "holds no PEM key"))?;
        let unusable_here =
            |error: &dyn std::fmt::Display| unusable(&self.cert_file, &format!("cannot be used: {error}"));
        let server = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&self.versions);
        let server = server.map_err(|error| unusable_here(&error))?;
        let server = match (&self.client_ca_file, self.client_auth) {
            (Some(path), ClientAuth::IfGiven | ClientAuth::Required) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| unusable(path, &format!("holds no authority: {error}")))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match self.client_auth {
                    ClientAuth::Required => verifier.build(),
                    _ => verifier.allow_unauthenticated().build(),
                };
                server.with_client_cert_verifier(verifier.map_err(|error| unusable(path, &error.to_string()))?)
            }
            _ => server.with_no_client_auth(),
        };
        let key_file = self.key_file.display();
        let mut server = server.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                unusable(&self.cert_file, &format!("is not for the key in {key_file}"))
            }
            error => unusable_here(&error),
        })?;
        server.ignore_client_order = self.is_order_ours;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(server)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    certificates.ok().filter(|all| !all.is_empty()).ok_or_else(|| unusable(path, "holds no PEM certificate"))
}

fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    fs::read(path).map_err(|cause| unusable(path, &format!("cannot be read: {cause}")))
}

fn unusable(path: &Path, what: &str) -> Unusable {
    Unusable(format!("{} {what}", path.display()))
}

//! Who may come in: users and certificates as web.yml has them, and what is said of those who may not.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use reqwest::header::WWW_AUTHENTICATE;
use tempfile::TempDir;

use crate::stand::{Daemon, Service, eventually};
use crate::web::{SLOS, SOON, daemon};

const PASSWORD: &str = "pAssword-of-ann";
const WRONG: &str = "anOther-password";

/// An authority and what it signs, as files.
struct Authority {
    files: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { files, issuer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// `name`.pem and `name`.key, for this host, until the end of that year.
    fn sign(&self, name: &str, until: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_string()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        fs::write(self.path(&format!("{name}.pem")), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// web.yml for the certificate `name`, with the one user, and what else there is to say of TLS.
    fn rules(&self, name: &str, more: &str) -> String {
        let hash = bcrypt::hash(PASSWORD, 5).unwrap();
        let [cert, key] = ["pem", "key"].map(|end| self.path(&format!("{name}.{end}")).display().to_string());
        format!(
            "tls_server_config: {{ cert_file: {cert}, key_file: {key}{more} }}\n\
             http_server_config: {{ headers: {{ X-Frame-Options: deny }} }}\n\
             basic_auth_users: {{ ann: {hash} }}\n"
        )
    }
}

/// `burnwatch status` as ann, with `password`, showing the certificate `name` if one is given.
fn status(daemon: &Daemon, authority: &Authority, password: &str, name: Option<&str>) -> (Option<i32>, String) {
    let password_file = authority.path("password");
    fs::write(&password_file, password).unwrap();
    let text = |path: &Path| path.display().to_string();
    let listen = format!("https://{}", daemon.address());
    let mut flags = vec!["status".into(), "--listen".into(), listen, "--user".into(), "ann".into()];
    flags.extend(["--password-file".into(), text(&password_file), "--ca-file".into(), text(&authority.path("ca.pem"))]);
    if let Some(name) = name {
        flags.extend(["--cert-file".into(), text(&authority.path(&format!("{name}.pem")))]);
        flags.extend(["--key-file".into(), text(&authority.path(&format!("{name}.key")))]);
    }
    daemon.command(&flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Neither what the daemon said nor any of these texts holds a secret.
#[track_caller]
fn assert_secrets_kept(authority: &Authority, texts: &[String]) {
    let keys = ["server.key", "ours.key"].map(|name| fs::read_to_string(authority.path(name)).unwrap_or_default());
    let lines = keys.iter().filter_map(|key| key.lines().nth(1).map(String::from));
    let sent = [PASSWORD, WRONG].map(|password| STANDARD.encode(format!("ann:{password}")));
    for secret in lines.chain([PASSWORD.into(), WRONG.into(), "$2b$".into()]).chain(sent) {
        assert!(texts.iter().all(|text| !text.contains(&secret)), "{secret} in {texts:?}");
    }
}

#[test]
fn only_who_has_the_password_and_a_certificate_that_holds_comes_in() {
    let (service, authority) = (Service::start(), Authority::new());
    for (name, until) in [("server", 2990), ("ours", 2990), ("expired", 2021)] {
        authority.sign(name, until);
    }
    let mut daemon = daemon(&service, SLOS);
    let client_ca = authority.path("ca.pem");
    let more = format!(", client_auth_type: RequireAndVerifyClientCert, client_ca_file: {}", client_ca.display());
    daemon.write("web.yml", &authority.rules("server", &more));
    daemon.configure_web("rate_limit: off, config_file: web.yml");
    daemon.launch();
    let come = |password, name| status(&daemon, &authority, password, name);
    eventually("ann comes in", SOON, || come(PASSWORD, Some("ours")), |(code, _)| *code == Some(0));

    let mut said = Vec::new();
    for (password, name, expected) in [
        (WRONG, Some("ours"), "the daemon knows users; say who you are with --user and --password-file"),
        (PASSWORD, None, "--cert-file"),
        (PASSWORD, Some("expired"), "--cert-file"),
    ] {
        let (code, output) = come(password, name);
        assert_eq!((code, output.contains(expected)), (Some(2), true), "{name:?}: {output}");
        said.push(output);
    }
    let log = daemon.output();
    for expected in [
        "\"a wrong password\",\"request_id\":",
        "\"user\":\"ann\"",
        "\"client\":\"127.0.0.1\"",
        "no certificates",
        "certificate expired",
    ] {
        assert!(log.contains(expected), "{expected} is not in {log}");
    }
    said.push(log);
    assert_secrets_kept(&authority, &said);
    assert!(daemon.stop().success());
}

#[test]
fn a_certificate_is_replaced_while_it_runs_and_a_broken_one_is_told_and_not_used() {
    let (service, authority) = (Service::start(), Authority::new());
    authority.sign("server", 2021);
    let mut daemon = daemon(&service, SLOS);
    daemon.write("web.yml", &authority.rules("server", ""));
    daemon.configure_web("rate_limit: off, config_file: web.yml");
    daemon.launch();
    let come = || status(&daemon, &authority, PASSWORD, None);
    let (_, output) = eventually("the expired one is refused", SOON, come, |(_, said)| said.contains("xpired"));
    assert!(output.contains("--ca-file"), "{output}");

    authority.sign("server", 2990);
    let (code, output) = come();
    assert_eq!(code, Some(0), "{output}");
    fs::write(authority.path("server.pem"), "half a certificate").unwrap();
    let told = || come().1;
    let output = eventually("it is told", SOON, told, |said| said.contains("holds no PEM certificate"));
    assert_secrets_kept(&authority, &[output, daemon.output()]);
}

#[test]
fn a_gate_that_is_wrong_keeps_the_daemon_from_starting() {
    let (service, authority) = (Service::start(), Authority::new());
    authority.sign("server", 2990);
    let daemon = daemon(&service, SLOS);
    daemon.configure_web("rate_limit: off, config_file: web.yml");
    let refused = |expected: &str| {
        let (code, output) = daemon.command(&["run"]);
        assert_eq!((code, output.contains(expected)), (Some(2), true), "{output}");
        assert_secrets_kept(&authority, &[output]);
        assert!(daemon.command(&["check"]).1.contains(expected), "check does not say {expected}");
    };
    refused("web.yml: error: cannot be read: No such file");
    daemon.write("web.yml", &format!("basic_auth_users: {{ ann: {PASSWORD} }}"));
    refused("user \"ann\" has no bcrypt hash; write what `htpasswd -nBC 10 NAME` prints");
    daemon.write("web.yml", &authority.rules("gone", ""));
    refused("gone.pem cannot be read: No such file");
    daemon.write("web.yml", &authority.rules("server", ", min_version: TLS10"));
    refused("min_version \"TLS10\" is not known; write TLS12 or TLS13");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_users_are_asked_too_and_every_answer_has_the_headers() {
    let (service, authority) = (Service::start(), Authority::new());
    let mut daemon = daemon(&service, SLOS);
    let rules = authority.rules("server", "");
    daemon.write("web.yml", rules.split_once('\n').unwrap().1);
    daemon.configure_web("rate_limit: off, config_file: web.yml");
    daemon.launch();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str, password: Option<&str>| {
        let request = http.get(format!("http://{}{path}", daemon.address()));
        match password {
            Some(password) => request.basic_auth("ann", Some(password)),
            None => request,
        }
        .send()
        .await
    };
    while get("/health/live", Some(PASSWORD)).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for path in ["/api/v1/slos", "/metrics", "/health", "/nothing", "/openapi.json"] {
        for password in [None, Some(WRONG), Some("")] {
            let answer = get(path, password).await.unwrap();
            assert_eq!(answer.status().as_u16(), 401, "{path} {password:?}");
            assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Basic realm=\"burnwatch\"");
            assert_eq!(answer.headers()["x-frame-options"], "deny");
            assert!(answer.text().await.unwrap().contains("\"code\":\"unauthorized\""));
        }
    }
    let answer = get("/metrics", Some(PASSWORD)).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-frame-options"]), (200, &"deny".parse().unwrap()));
    assert_secrets_kept(&authority, &[daemon.output(), answer.text().await.unwrap()]);
}

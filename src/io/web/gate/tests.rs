use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::io::web::gate::*;

/// The files of a gate: a certificate with its key, and a web.yml that names them.
struct Files(TempDir);

const TLS: &str = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }";

impl Files {
    fn new(rules: &str) -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        files.certify("localhost");
        files.write("web.yml", rules);
        files
    }

    /// A new certificate and its key.
    fn certify(&self, name: &str) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_string()]).unwrap().self_signed(&key).unwrap();
        self.write("key.pem", &key.serialize_pem());
        self.write("cert.pem", &certificate.pem());
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn gate(&self, address: &str) -> Result<Gate, String> {
        Gate::open(Some(&self.0.path().join("web.yml")), address.parse().unwrap()).map_err(|found| self.told(&found))
    }

    fn told(&self, problems: &[Problem]) -> String {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        told.join("\n").replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[track_caller]
fn check(rules: &str, expected: &str) {
    assert_eq!(Files::new(rules).gate("127.0.0.1:1").err().as_deref(), Some(expected), "{rules}");
}

#[test]
fn takes_what_exporter_toolkit_takes() {
    let rules = |text: &str| Files::new(text).gate("127.0.0.1:1").unwrap().rules();
    let open = rules("");
    assert!(open.tls.is_none() && open.users.is_none() && open.headers.is_empty());
    let all = rules(
        "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_auth_type: RequireAndVerifyClientCert\n\
         \x20 client_ca_file: cert.pem\n  min_version: TLS12\n  max_version: TLS13\n\
         http_server_config:\n  http2: true\n  headers: { X-Frame-Options: deny }\n\
         basic_auth_users:\n  ann: $2y$10$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u\n",
    );
    assert!(all.tls.is_some() && all.users.is_some());
    assert_eq!(all.headers["x-frame-options"], "deny");
}

#[test]
fn says_what_it_cannot_do_and_what_is_wrong() {
    check(
        "users: {}",
        "web.yml:1:1: \"users\" is not a key of a web configuration; its keys are tls_server_config, basic_auth_users, http_server_config",
    );
    check(
        "tls_server_config: { cert_file: cert.pem }",
        "web.yml:1:20: tls_server_config wants \"key_file\"; add `key_file: ...`",
    );
    let tls = |more: &str| TLS.replace(" }", &format!(", {more} }}"));
    let remedy = "write RequireAndVerifyClientCert or VerifyClientCertIfGiven beside a client_ca_file, or neither";
    check(
        &tls("client_auth_type: RequireAnyClientCert"),
        &format!("web.yml:1:62: client_auth_type takes any certificate, which proves nothing; {remedy}"),
    );
    check(
        &tls("client_auth_type: RequireAndVerifyClientCert"),
        &format!("web.yml:1:62: client_auth_type wants a client_ca_file to verify with; {remedy}"),
    );
    check(
        &tls("client_ca_file: cert.pem"),
        &format!("web.yml:1:20: client_auth_type has to say what becomes of client_ca_file; {remedy}"),
    );
    check(&tls("min_version: TLS10"), "web.yml:1:75: min_version \"TLS10\" is not known; write TLS12 or TLS13");
    check(&tls("min_version: TLS13, max_version: TLS12"), "web.yml:1:20: min_version is above max_version; remove one");
    check(
        &tls("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"),
        "web.yml:1:77: cipher_suites cannot be chosen here; remove it: only suites without known weaknesses are offered",
    );
    check(
        "http_server_config: { headers: { Set-Cookie: a } }",
        "web.yml:1:34: header \"Set-Cookie\" cannot be set; there are content-security-policy, strict-transport-security, \
         x-content-type-options, x-frame-options, x-xss-protection, with a value of one line",
    );
}

#[test]
fn names_the_file_that_is_wrong_and_shows_nothing_of_it() {
    let files = Files::new(TLS);
    let wrong = |expected: &str| {
        let told = files.gate("127.0.0.1:1").err();
        let remedy = "check what stands in it, and that burnwatch may read it";
        assert_eq!(told, Some(format!("{expected}; {remedy}")));
    };
    let key = fs::read_to_string(files.0.path().join("key.pem")).unwrap();
    files.certify("other");
    files.write("key.pem", &key);
    wrong("cert.pem is not for the key in key.pem");
    files.write("key.pem", "s3cret");
    wrong("key.pem holds no PEM key");
    files.write("cert.pem", &key);
    wrong("cert.pem holds no PEM certificate");
    fs::remove_file(files.0.path().join("cert.pem")).unwrap();
    wrong("cert.pem cannot be read: No such file or directory (os error 2)");
    let gone = Gate::open(Some(Path::new("gone.yml")), "127.0.0.1:1".parse().unwrap()).err().unwrap();
    assert_eq!(
        files.told(&gone),
        "gone.yml: cannot be read: No such file or directory (os error 2); check web.config_file, and that burnwatch may read it"
    );
}

#[test]
fn a_change_is_taken_up_and_a_mistake_leaves_in_force_what_was_right() {
    let files = Files::new(TLS);
    let gate = files.gate("127.0.0.1:1").unwrap();
    let first = gate.rules();
    assert!(Arc::ptr_eq(&first, &gate.rules()), "nothing is read twice");

    files.write("cert.pem", "half of it");
    assert!(Arc::ptr_eq(&first, &gate.rules()));
    assert_eq!(
        files.told(&gate.problems()),
        "cert.pem holds no PEM certificate; check what stands in it, and that burnwatch may read it; \
         until then what was right last is in force"
    );
    files.certify("localhost");
    let second = gate.rules();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!(gate.problems(), []);

    files.write("web.yml", "tls_server_confg: {}");
    assert!(Arc::ptr_eq(&second, &gate.rules()));
    fs::remove_file(files.0.path().join("web.yml")).unwrap();
    assert!(Arc::ptr_eq(&second, &gate.rules()));
    assert_eq!(gate.problems().len(), 1);
    files.write("web.yml", "basic_auth_users: { ann: $2y$10$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u }");
    assert!(gate.rules().users.is_some());
}

#[test]
fn warns_of_what_other_hosts_can_reach() {
    let told = |rules: &str, address: &str| {
        let files = Files::new(rules);
        files.told(&files.gate(address).unwrap().problems())
    };
    let users = "basic_auth_users: { ann: $2y$10$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u }";
    for (rules, address) in [("", "127.0.0.1:80"), ("", "[::1]:80"), (TLS, "0.0.0.0:80"), (users, "127.0.0.1:80")] {
        assert_eq!(told(rules, address), "", "{rules} at {address}");
    }
    assert_eq!(
        told("", "0.0.0.0:80"),
        "0.0.0.0:80 is reached from other hosts without TLS: whoever reaches it reads everything; listen on 127.0.0.1, \
         or set web.config_file with a tls_server_config and basic_auth_users"
    );
    assert!(told(users, "[::]:80").starts_with("[::]:80 is reached from other hosts without TLS: passwords"));
}

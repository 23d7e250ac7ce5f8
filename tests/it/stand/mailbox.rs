//! A real SMTP server with STARTTLS and AUTH (aiosmtpd), and what a mail program reads of the mails it keeps.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

use crate::stand::process::Process;
use crate::stand::{eventually, http, python};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/stand/mailbox.py");

/// As Python's own reader of MIME understands the mail in a file.
const READ: &str = r#"
import email, email.policy, json, sys
mail = email.message_from_file(open(sys.argv[1]), policy=email.policy.default)
part = lambda kind: mail.get_body((kind,)).get_content()
print(json.dumps({"headers": dict(mail.items()), "text": part("plain"), "html": part("html"),
                  "type": mail.get_content_type(), "defects": [str(defect) for defect in mail.defects]}))
"#;

pub const USER: &str = "burnwatch";

pub struct Mailbox {
    dir: TempDir,
    port: u16,
    password: String,
    process: Option<Process>,
}

impl Mailbox {
    /// Not started yet; its certificate is there.
    pub fn stopped(password: &str) -> Mailbox {
        let dir = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the test's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["localhost".to_string()]).unwrap().signed_by(&key, &authority).unwrap();
        fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        fs::write(dir.path().join("cert.pem"), certificate.pem()).unwrap();
        fs::write(dir.path().join("key.pem"), key.serialize_pem()).unwrap();
        fs::create_dir(dir.path().join("mails")).unwrap();
        Mailbox { dir, port: http::free_port(), password: password.to_string(), process: None }
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Starts it and returns when it listens.
    pub fn start(&mut self) {
        let path = |name: &str| self.dir.path().join(name);
        let mut command = python();
        command.arg(SERVER).arg(self.port.to_string()).args([path("mails"), path("cert.pem"), path("key.pem")]);
        command.args([USER, &self.password]);
        self.process = Some(Process::start(&mut command, &path("output")).unwrap());
        let output = || fs::read_to_string(path("output")).unwrap();
        eventually("the mail server listens", Duration::from_secs(30), output, |output| output.contains("listening"));
    }

    /// The mails it took, as they are read.
    pub fn mails(&self) -> Vec<Value> {
        let files = fs::read_dir(self.dir.path().join("mails")).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|is| is == "eml")).collect();
        files.sort();
        files.iter().map(read).collect()
    }
}

fn read(path: &PathBuf) -> Value {
    let output = python().args(["-c", READ]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

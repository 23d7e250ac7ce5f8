//! A notice as a mail, by SMTP. Every mail of one notice has the same Message-ID, so that one sent twice is seen once.

use std::error::Error as _;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::alerts::Notice;
use crate::io::http;
use crate::io::notify::Trouble;
use crate::outbox::{Answer, Outcome};
use crate::report::{self, Mail};
use crate::units::{Problem, Span};
use crate::yaml::{Fields, Node, Remedy};

/// For each step of the conversation with a server.
const STEP: Duration = Duration::from_secs(10);

/// For the whole of it: many servers make strangers wait before they speak.
const WHOLE: Duration = Duration::from_secs(60);

/// Replies that are about who we are (RFC 4954): somebody will mend the password, and the mail waits for that.
const AUTHENTICATION: [u16; 4] = [530, 534, 535, 538];

/// A server, and from whom to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// An authority to be trusted beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// A name and the file that holds its password.
    pub login: Option<(String, PathBuf)>,
    pub from: Mailbox,
    pub to: Vec<Recipient>,
}

/// How the connection is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS after a plain beginning; nothing is sent where the server does not offer it.
    Starttls,
    /// TLS from the first byte.
    Tls,
    None,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Recipient {
    /// The owner of the SLO, where that is an address.
    Owner,
    Address(Mailbox),
}

impl Config {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Config> {
        let mut fields = Fields::of(node, "an email channel", problems)?;
        let words = [("starttls", Security::Starttls), ("tls", Security::Tls), ("none", Security::None)];
        let security = fields.choice("tls", &words).unwrap_or(Security::Starttls);
        let smtp: Option<Server> = fields.require("smtp").read("smtp");
        let ca_file = http::path(&mut fields, "ca_file");
        if fields.has("username") || fields.has("password_file") {
            fields.require("username").require("password_file");
        }
        let place = fields.place_of("username");
        let username = fields.text("username").map(str::to_string);
        let login = username.zip(http::path(&mut fields, "password_file"));
        let from = fields.require("from").read("from").map(|Address(mailbox)| mailbox);
        let to = fields
            .list("to")
            .map(|items| items.iter().filter_map(|item| item.read("to", fields.problems)).collect::<Vec<Recipient>>());
        if let (Some(place), Security::None, Some(Server { host, .. })) = (place, security, &smtp)
            && !is_local(host)
        {
            let what = "a password would go over the network as it is";
            fields.problems.push(Problem::error("tls", what, "write tls: starttls or tls: tls").at(place));
        }
        if to.as_ref().is_some_and(Vec::is_empty) && !fields.problems.iter().any(|problem| problem.code == "to") {
            let what = "nobody is written to";
            fields
                .problems
                .push(Problem::error("to", what, "write addresses, or owner for that of the SLO").at(&node.place));
        }
        fields.done();
        let Server { host, port } = smtp?;
        let port = port.unwrap_or(match security {
            Security::Starttls => 587,
            Security::Tls => 465,
            Security::None => 25,
        });
        Some(Config { host, port, security, ca_file, login, from: from?, to: to.unwrap_or(vec![Recipient::Owner]) })
    }

    /// Those whom a notice is written to, each once.
    fn recipients(&self, notice: &Notice) -> Vec<Mailbox> {
        let mut mailboxes: Vec<Mailbox> = Vec::new();
        for recipient in &self.to {
            let mailbox = match recipient {
                Recipient::Owner => notice.subject.owner.as_ref().and_then(|owner| owner.parse().ok()),
                Recipient::Address(mailbox) => Some(mailbox.clone()),
            };
            if let Some(mailbox) = mailbox.filter(|new| mailboxes.iter().all(|known| known.email != new.email)) {
                mailboxes.push(mailbox);
            }
        }
        mailboxes
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A host, and a port where one was written.
struct Server {
    host: String,
    port: Option<u16>,
}

/// Why a text is no server.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no host with a port")]
struct ServerError(String);

impl Remedy for ServerError {
    fn remedy(&self) -> String {
        "write one such as mail.example.com:587".into()
    }
}

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Server, ServerError> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| ServerError(text.to_string()))?)),
            None => (text, None),
        };
        let is_host = |letter: char| letter.is_ascii_alphanumeric() || ".-_[]:".contains(letter);
        let is_sound = !host.is_empty() && host.chars().all(is_host) && port != Some(0);
        is_sound.then(|| Server { host: host.to_string(), port }).ok_or_else(|| ServerError(text.to_string()))
    }
}

/// An address to write to.
struct Address(Mailbox);

/// Why a text is no address.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no mail address")]
pub struct AddressError(String);

impl Remedy for AddressError {
    fn remedy(&self) -> String {
        "write one such as oncall@example.com, or On call <oncall@example.com>".into()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        text.parse().map(Address).map_err(|_| AddressError(text.to_string()))
    }
}

impl FromStr for Recipient {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Recipient, AddressError> {
        match text {
            "owner" => Ok(Recipient::Owner),
            text => text.parse().map(|Address(mailbox)| Recipient::Address(mailbox)),
        }
    }
}

pub struct Email {
    config: Config,
    tls: Tls,
}

impl Email {
    /// The channel, and what keeps it from being used just now.
    pub fn build(config: &Config) -> Result<(Email, Option<Trouble>), Trouble> {
        let tls = match config.security {
            Security::Starttls => Tls::Required(tls(config)?),
            Security::Tls => Tls::Wrapper(tls(config)?),
            Security::None => Tls::None,
        };
        let email = Email { config: config.clone(), tls };
        let trouble = email.transport().err().map(Trouble::from);
        Ok((email, trouble))
    }

    pub async fn send(&self, notice: &Notice) -> Answer {
        let later = |said: String| Answer { outcome: Outcome::Later { not_before: None }, said };
        match tokio::time::timeout(WHOLE, self.mail(notice)).await {
            Ok(answer) => answer,
            Err(_) => {
                later(format!("{}:{} was not done within {}", self.config.host, self.config.port, Span::seconds(60)))
            }
        }
    }

    async fn mail(&self, notice: &Notice) -> Answer {
        let refused = |said: String| Answer { outcome: Outcome::Refused, said };
        let to = self.config.recipients(notice);
        if to.is_empty() {
            return refused("nobody to write to: the SLO has no owner that is an address".into());
        }
        let transport = match self.transport() {
            Ok(transport) => transport,
            Err(error) => return Answer { outcome: Outcome::Later { not_before: None }, said: error.to_string() },
        };
        let answer = self.hand_over(&transport, notice, &to).await;
        if answer.outcome != Outcome::Refused || to.len() == 1 {
            return answer;
        }
        // One address that the server does not know keeps the mail from all: the others get it alone.
        let mut accepted = Vec::new();
        let mut last = answer;
        for mailbox in &to {
            let answer = self.hand_over(&transport, notice, std::slice::from_ref(mailbox)).await;
            match answer.outcome {
                Outcome::Accepted => accepted.push(mailbox.email.to_string()),
                Outcome::Later { .. } | Outcome::Refused => last = answer,
            }
        }
        match accepted.is_empty() {
            true => last,
            false => {
                Answer { outcome: Outcome::Accepted, said: format!("only for {}; {}", accepted.join(", "), last.said) }
            }
        }
    }

    async fn hand_over(
        &self,
        transport: &AsyncSmtpTransport<Tokio1Executor>,
        notice: &Notice,
        to: &[Mailbox],
    ) -> Answer {
        let message = match message(notice, &self.config.from, to) {
            Ok(message) => message,
            Err(said) => return Answer { outcome: Outcome::Refused, said },
        };
        match transport.send(message).await {
            Ok(response) => Answer {
                outcome: Outcome::Accepted,
                said: format!("{} {}", response.code(), one_line(response.message())),
            },
            Err(error) => Answer { outcome: outcome(&error), said: self.told(&error) },
        }
    }

    /// The password is read anew each time.
    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, http::Error> {
        let Config { host, port, login, .. } = &self.config;
        let mut builder: AsyncSmtpTransportBuilder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(*port)
            .timeout(Some(STEP))
            .tls(self.tls.clone());
        if let Some((username, password_file)) = login {
            let password = http::secret(password_file)?;
            builder = builder
                .credentials(Credentials::new(username.clone(), password))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(builder.build())
    }

    /// What went wrong, by its causes, in one line.
    fn told(&self, error: &Error) -> String {
        let mut told = format!("{}:{}: {error}", self.config.host, self.config.port);
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !told.contains(&text) {
                told = format!("{told}: {text}");
            }
            cause = inner.source();
        }
        one_line([told.as_str()].into_iter())
    }
}

fn one_line<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.collect::<Vec<_>>().join(" ").replace(char::is_control, " ")
}

/// A reply of the 500s is final, except where it is about who we are; all else may pass.
fn outcome(error: &Error) -> Outcome {
    let code = error.status().map(u16::from);
    match error.is_permanent() && !code.is_some_and(|code| AUTHENTICATION.contains(&code)) {
        true => Outcome::Refused,
        false => Outcome::Later { not_before: None },
    }
}

fn tls(config: &Config) -> Result<TlsParameters, Trouble> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let unusable = |what: String| Trouble { what, remedy: "name a file with PEM certificates in ca_file".into() };
        let pem = fs::read(path).map_err(|error| unusable(format!("{} cannot be read: {error}", path.display())))?;
        let certificate = Certificate::from_pem(&pem);
        let certificate = certificate.map_err(|_| unusable(format!("{} holds no PEM certificate", path.display())))?;
        builder = builder.add_root_certificate(certificate);
    }
    let remedy = "check that the system has certificates (ca-certificates)";
    builder.build().map_err(|error| Trouble { what: format!("no TLS: {error}"), remedy: remedy.into() })
}

/// The whole message.
fn message(notice: &Notice, from: &Mailbox, to: &[Mailbox]) -> Result<Message, String> {
    let Mail { subject, text, html } = report::mail(notice).map_err(|error| error.to_string())?;
    let date = UNIX_EPOCH + Duration::from_millis(notice.at.as_millis().unsigned_abs());
    let mut message = Message::builder()
        .from(from.clone())
        .subject(subject.replace(char::is_control, " "))
        .message_id(Some(format!("<{}@{}>", notice.id, from.email.domain())))
        .date(date)
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
    for mailbox in to {
        message = message.to(mailbox.clone());
    }
    message.multipart(MultiPart::alternative_plain_html(text, html)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::units::Timestamp;
    use crate::yaml::documents;

    fn read(text: &str) -> (Option<Config>, Vec<String>) {
        let (nodes, mut problems) = documents("etc/burnwatch.yaml", text);
        let config = Config::read(&nodes[0], &mut problems);
        (config, problems.iter().map(ToString::to_string).collect())
    }

    fn config(to: &str) -> Config {
        let (config, problems) = read(&format!("{{ smtp: 'h:25', from: slo@example.com, to: {to} }}"));
        assert_eq!(problems, [""; 0]);
        config.unwrap()
    }

    fn sample() -> Notice {
        Notice::sample(Timestamp::seconds(1_795_176_000))
    }

    #[test]
    fn reads_all_there_is_to_say_of_a_mailbox() {
        let (config, problems) = read(
            "smtp: mail.example.com\ntls: tls\nusername: u\npassword_file: secret\nca_file: /ca.pem\n\
             from: SLOs <slo@example.com>\nto: [owner, oncall@example.com]\n",
        );
        assert_eq!(problems, [""; 0]);
        let config = config.unwrap();
        assert_eq!((&*config.host, config.port, config.security), ("mail.example.com", 465, Security::Tls));
        assert_eq!(config.login, Some(("u".to_string(), "etc/secret".into())));
        assert_eq!(config.to, [Recipient::Owner, Recipient::Address("oncall@example.com".parse().unwrap())]);
        let (config, problems) = read("{ smtp: mail.example.com, from: slo@example.com }");
        assert_eq!((config.unwrap().to, problems), (vec![Recipient::Owner], Vec::new()));
    }

    #[test]
    fn says_what_to_write_instead() {
        let check = |text: &str, expected: &[&str]| assert_eq!(read(text).1, expected, "{text}");
        check(
            "{ smtp: 'h:x', from: nobody, to: [a@b, no one] }",
            &[
                "etc/burnwatch.yaml:1:9: \"h:x\" is no host with a port; write one such as mail.example.com:587",
                "etc/burnwatch.yaml:1:22: \"nobody\" is no mail address; write one such as oncall@example.com, or On call <oncall@example.com>",
                "etc/burnwatch.yaml:1:40: \"no one\" is no mail address; write one such as oncall@example.com, or On call <oncall@example.com>",
            ],
        );
        check(
            "{ smtp: h, tls: none, username: u, password_file: p, from: a@b, to: [a@b] }",
            &[
                "etc/burnwatch.yaml:1:23: a password would go over the network as it is; write tls: starttls or tls: tls",
            ],
        );
        check("{ smtp: 127.0.0.1, tls: none, username: u, password_file: p, from: a@b, to: [a@b] }", &[]);
        check(
            "{ smtp: h, from: a@b, to: [] }",
            &["etc/burnwatch.yaml:1:1: nobody is written to; write addresses, or owner for that of the SLO"],
        );
        check(
            "{ smtp: h, username: u, from: a@b, to: [a@b] }",
            &["etc/burnwatch.yaml:1:1: an email channel wants \"password_file\"; add `password_file: ...`"],
        );
    }

    #[test]
    fn the_owner_is_written_to_where_it_is_an_address_and_everybody_once() {
        let mut notice = sample();
        let to = |notice: &Notice| -> Vec<String> {
            config("[owner, oncall@example.com]").recipients(notice).iter().map(|to| to.email.to_string()).collect()
        };
        assert_eq!(to(&notice), ["oncall@example.com"]);
        notice.subject.owner = Some("the payments team".into());
        assert_eq!(to(&notice), ["oncall@example.com"]);
        notice.subject.owner = Some("payments@example.com".into());
        assert_eq!(to(&notice), ["payments@example.com", "oncall@example.com"]);
        notice.subject.owner = Some("On call <oncall@example.com>".into());
        assert_eq!(to(&notice), ["oncall@example.com"]);
    }

    #[test]
    fn nothing_that_people_declare_becomes_a_header() {
        let mut notice = sample();
        let evil = "x\r\nBcc: everybody@example.com\r\n\r\nbody";
        notice.subject.slo = evil.into();
        notice.subject.service = evil.into();
        notice.subject.description = evil.into();
        notice.because = evil.into();
        notice.subject.labels.insert("team".into(), evil.into());
        let to = ["a@example.com".parse().unwrap()];
        let message = message(&notice, &"b@example.com".parse().unwrap(), &to).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("\nbcc"), "{head}");
        let names: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split(':').next())
            .collect();
        let expected =
            ["From", "Subject", "Message-ID", "Date", "Auto-Submitted", "To", "MIME-Version", "Content-Type"];
        assert_eq!(names, expected, "{head}");
        assert_eq!(message.envelope().to().len(), 1);
    }

    #[test]
    fn its_id_and_date_are_those_of_the_notice() {
        let message =
            message(&sample(), &"b@example.com".parse().unwrap(), &["a@example.com".parse().unwrap()]).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(text.contains(&format!("Message-ID: <{}@example.com>\r\n", sample().id)), "{text}");
        assert!(text.contains("Date: Fri, 20 Nov 2026 12:00:00 +0000\r\n"), "{text}");
    }
}

//! A notice as one POST: JSON as the API speaks it, or a Slack message; signed, and with a key by which a receiver knows
//! it again.

use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use sha2::Sha256;

use crate::alerts::Notice;
use crate::io::http::{self, Client};
use crate::io::notify::Trouble;
use crate::outbox::{Answer, Outcome};
use crate::report::{Figure, figures, headline, json};
use crate::units::Problem;
use crate::yaml::{Fields, Node};

/// The most that is read of an answer: nobody looks at it.
const MAX_ANSWER: usize = 1 << 20;

/// The most that Slack takes of one text.
const MAX_TEXT: usize = 3_000;

/// The most fields that Slack takes in one section.
const MAX_FIELDS: usize = 10;

/// A receiver and how it wants to be spoken to.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub http: http::Config,
    /// Holds the address, where that is a secret.
    pub url_file: Option<PathBuf>,
    pub format: Format,
    /// Holds the key of the signature.
    pub secret_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Slack,
}

impl Config {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Config> {
        let mut fields = Fields::of(node, "a webhook", problems)?;
        if !fields.has("url_file") {
            fields.require("url");
        } else if let Some(place) = fields.place_of("url") {
            let what = "url and url_file are two ways to say where it is";
            fields.problems.push(Problem::error("url_file", what, "keep one").at(place));
        }
        let url_file = http::path(&mut fields, "url_file");
        let format = fields.choice("format", &[("json", Format::Json), ("slack", Format::Slack)]);
        let secret_file = http::path(&mut fields, "secret_file");
        let http = http::Config::new("").read(&mut fields);
        fields.done();
        Some(Config { http, url_file, format: format.unwrap_or(Format::Json), secret_file })
    }
}

pub struct Webhook {
    config: Config,
    /// `None` where the address has to be read first.
    client: Option<Client>,
}

impl Webhook {
    /// The webhook, and what keeps it from being used just now.
    pub fn build(config: &Config) -> Result<(Webhook, Option<Trouble>), Trouble> {
        let client = match config.url_file {
            Some(_) => None,
            None => Some(Client::build(&config.http)?.reading_at_most(MAX_ANSWER)),
        };
        let webhook = Webhook { config: config.clone(), client };
        let trouble = webhook.client().and_then(|_| webhook.signature(b"")).err().map(Trouble::from);
        Ok((webhook, trouble))
    }

    pub async fn send(&self, notice: &Notice) -> Answer {
        match self.post(notice).await {
            Ok(answer) => answer,
            Err(error) => {
                Answer { outcome: Outcome::Later { not_before: error.retry_after() }, said: error.to_string() }
            }
        }
    }

    async fn post(&self, notice: &Notice) -> Result<Answer, http::Error> {
        let body = body(notice, self.config.format);
        let client = self.client()?;
        let mut request =
            client.post("")?.header(CONTENT_TYPE, "application/json").header("Idempotency-Key", &notice.id);
        if let Some(signature) = self.signature(body.as_bytes())? {
            request = request.header("X-Burnwatch-Signature", signature);
        }
        let answer = client.answer(request.body(body).send()).await?;
        let outcome = Outcome::of_status(answer.status.as_u16(), answer.retry_after);
        let said = match outcome {
            Outcome::Accepted => answer.status.to_string(),
            Outcome::Later { .. } | Outcome::Refused => client.refusal(&answer).to_string(),
        };
        Ok(Answer { outcome, said })
    }

    fn client(&self) -> Result<Client, http::Error> {
        match (&self.client, &self.config.url_file) {
            (Some(client), _) => Ok(client.clone()),
            (None, file) => {
                let url = file.as_deref().map_or(Ok(String::new()), http::secret)?;
                let client = Client::build(&http::Config { url, ..self.config.http.clone() });
                // The address is a secret, so that it is wrong is all that may be said of it.
                let client = client.map_err(|error| match error {
                    http::Error::Url { why, .. } => http::Error::Url { url: "from url_file".into(), why },
                    other => other,
                });
                Ok(client?.reading_at_most(MAX_ANSWER))
            }
        }
    }

    /// `sha256=` and the HMAC of the body in hex; `None` without a secret.
    fn signature(&self, body: &[u8]) -> Result<Option<String>, http::Error> {
        self.config.secret_file.as_deref().map(|file| Ok(signature(http::secret(file)?.as_bytes(), body))).transpose()
    }
}

fn signature(secret: &[u8], body: &[u8]) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// What is posted.
pub fn body(notice: &Notice, format: Format) -> String {
    match format {
        // Plain data always becomes JSON.
        Format::Json => serde_json::to_string(&json::Notice::of(notice)).unwrap_or_default(),
        Format::Slack => slack(notice).to_string(),
    }
}

/// A Block Kit message.
fn slack(notice: &Notice) -> serde_json::Value {
    let headline = headline(notice);
    let markdown = |text: &str| json!({ "type": "mrkdwn", "text": escaped(text) });
    let field = |Figure { name, value }: Figure| json!({ "type": "mrkdwn", "text": format!("*{}*\n{}", escaped(&name), escaped(&value)) });
    let fields: Vec<_> = figures(notice).into_iter().take(MAX_FIELDS).map(field).collect();
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&headline, 150) } }),
        json!({ "type": "section", "text": markdown(&notice.because) }),
        json!({ "type": "section", "fields": fields }),
    ];
    if let Some(runbook) = &notice.subject.runbook {
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": format!("<{}|Runbook>", escaped(runbook)) } }));
    }
    blocks.push(json!({ "type": "context", "elements": [markdown(&format!("{}, notice {}", notice.at, notice.id))] }));
    json!({ "text": escaped(&format!("{headline}: {}", notice.because)), "blocks": blocks })
}

/// As Slack wants text that is no markup, and no longer than it takes.
fn escaped(text: &str) -> String {
    cut(text, MAX_TEXT / 5).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::*;
    use crate::units::Timestamp;

    fn sample() -> Notice {
        Notice::sample(Timestamp::seconds(1_795_176_000))
    }

    #[test]
    fn a_signature_is_the_one_that_others_compute() {
        // RFC 4231, test case 2.
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature(b"Jefe", b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn a_json_body_is_the_notice_as_the_api_tells_it() {
        let body: Value = serde_json::from_str(&body(&sample(), Format::Json)).unwrap();
        assert_eq!((&body["version"], &body["kind"]), (&1.into(), &"budget_consumed".into()));
        assert_eq!(body["id"], *sample().id);
    }

    #[test]
    fn a_slack_message_says_what_and_why_and_nothing_in_it_is_markup() {
        let mut notice = sample();
        notice.because = "<!channel> & more".into();
        notice.subject.runbook = Some("https://wiki.example.com/x".into());
        let body: Value = serde_json::from_str(&body(&notice, Format::Slack)).unwrap();
        assert_eq!(body["text"], "burnwatch/test: 75 % of the error budget consumed: &lt;!channel&gt; &amp; more");
        assert_eq!(body["blocks"][0]["text"]["text"], "burnwatch/test: 75 % of the error budget consumed");
        assert_eq!(body["blocks"][1]["text"]["text"], "&lt;!channel&gt; &amp; more");
        assert_eq!(body["blocks"][3]["text"]["text"], "<https://wiki.example.com/x|Runbook>");
        assert!(body["blocks"][2]["fields"].as_array().unwrap().len() <= MAX_FIELDS);
    }

    #[test]
    fn a_long_text_is_cut_to_what_slack_takes() {
        let mut notice = sample();
        notice.because = "&".repeat(10_000);
        let body: Value = serde_json::from_str(&body(&notice, Format::Slack)).unwrap();
        assert!(body["blocks"][1]["text"]["text"].as_str().unwrap().len() <= MAX_TEXT);
    }
}

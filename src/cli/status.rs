//! `burnwatch status`: how every SLO stands, as a running daemon tells it.

use std::env;
use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::ValueEnum;
use serde::de::DeserializeOwned;

use crate::cli::{clearing, exit, print};
use crate::daemon::Config;
use crate::io::http::{self, Client, Credentials, KeyPair, Tls};
use crate::report::{json, table};

/// How often `--watch` asks again.
const EVERY: Duration = Duration::from_secs(2);

const SLOS: &str = "/api/v1/slos";
const PROBLEMS: &str = "/api/v1/problems";

pub const EXAMPLES: &str = "\
Examples:
  burnwatch status
  burnwatch status --watch --listen 10.0.0.5:9872
  burnwatch status --output json
  burnwatch status --listen https://slo.example.com:9872 --ca-file ca.pem --user ann --password-file secret

Exit codes: 0 every budget has something left, 1 one is exhausted, 2 no answer";

#[derive(Debug, clap::Args)]
pub struct Flags {
    /// table, json as the API answers, or markdown
    #[arg(long, default_value = "table", value_name = "FORMAT", hide_possible_values = true)]
    output: Output,
    /// Ask again every two seconds, until ctrl-C
    #[arg(long)]
    watch: bool,
    /// Who we are, where the daemon knows users; the password comes from --password-file
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// The file that holds the password of --user
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// An authority that signed the daemon's certificate, beside those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The certificate to show to a daemon that asks for one; its key comes from --key-file
    #[arg(long, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The key of --cert-file
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
    Markdown,
}

impl Flags {
    /// The daemon at `listen`, and how to speak with it.
    fn server(&self, listen: &str) -> http::Config {
        let mut server = http::Config::new(url(listen));
        if let (Some(username), Some(password_file)) = (self.user.clone(), self.password_file.clone()) {
            server.credentials = Credentials::Basic { username, password_file };
        }
        let identity = self.cert_file.clone().zip(self.key_file.clone());
        let identity = identity.map(|(cert_file, key_file)| KeyPair { cert_file, key_file });
        server.tls = Tls { ca_file: self.ca_file.clone(), identity };
        server
    }
}

pub async fn status(config: &Config, flags: &Flags) -> anyhow::Result<ExitCode> {
    let client = Client::build(&flags.server(&config.web.listen))?;
    if flags.watch {
        return watch(&client, flags.output).await;
    }
    let slos = answer(&client, SLOS).await?;
    print(&shown(&slos, &answer(&client, PROBLEMS).await?, flags.output)?)?;
    Ok(exit(is_any_exhausted(&slos)))
}

/// Shows how they stand until somebody has seen enough. A daemon that does not answer may come back.
async fn watch(client: &Client, output: Output) -> anyhow::Result<ExitCode> {
    let clear = clearing();
    loop {
        let text = match (answer(client, SLOS).await, answer(client, PROBLEMS).await) {
            (Ok(slos), Ok(problems)) => shown(&slos, &problems, output)?,
            (Err(error), _) | (_, Err(error)) => format!("{error:#}\n"),
        };
        print(&format!("{clear}{text}"))?;
        tokio::time::sleep(EVERY).await;
    }
}

async fn answer<T: DeserializeOwned>(client: &Client, path: &str) -> anyhow::Result<T> {
    let absent = "no daemon answers; start it with `burnwatch run`, or say where it listens with --listen";
    let foreign = "what answers is no burnwatch; say where it listens with --listen";
    let answer = client.answer(client.get(path)?.send()).await.map_err(|error| match error {
        http::Error::Untrusted { .. } | http::Error::Handshake { .. } => {
            anyhow!("{error}; name the authority with --ca-file, and our certificate with --cert-file where one is asked for")
        }
        error => anyhow!(error).context(absent),
    })?;
    match answer.status.as_u16() {
        200..300 => {}
        401 => bail!("the daemon knows users; say who you are with --user and --password-file"),
        429 => bail!("the daemon is asked too often; wait a little, or raise web.rate_limit"),
        _ => return Err(client.refusal(&answer)).context(foreign),
    }
    serde_json::from_slice(&answer.body).context(foreign)
}

/// The address as a URL; one that is a URL already may lead through a proxy.
fn url(listen: &str) -> String {
    if listen.contains("://") { listen.to_string() } else { format!("http://{listen}") }
}

/// The table as it fits the terminal, in colours where it shows them.
pub fn table(slos: &json::Slos) -> String {
    let colour = stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    table::text(slos, comfy_table::Table::new().width(), colour)
}

fn shown(slos: &json::Slos, problems: &json::Problems, output: Output) -> anyhow::Result<String> {
    Ok(match output {
        Output::Table => table(slos) + &table::others(slos, problems),
        Output::Markdown => table::markdown(slos),
        Output::Json => serde_json::to_string_pretty(slos)? + "\n",
    })
}

fn is_any_exhausted(slos: &json::Slos) -> bool {
    slos.slos.iter().any(|slo| slo.budget.exhausted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Wanted, example, slos as told};

    #[test]
    fn an_exhausted_budget_is_found() {
        let mut slos = told(&example::snapshot(), &Wanted::default());
        assert!(is_any_exhausted(&slos));
        slos.slos.retain(|slo| slo.service == "checkout");
        assert!(!is_any_exhausted(&slos));
    }

    #[test]
    fn an_address_becomes_a_url_and_a_url_stays() {
        assert_eq!(url("127.0.0.1:9872"), "http://127.0.0.1:9872");
        assert_eq!(url("https://slo.example.com/burnwatch"), "https://slo.example.com/burnwatch");
    }

    #[tokio::test]
    async fn an_absent_daemon_is_told_with_what_to_do() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = Client::build(&http::Config::new(format!("http://127.0.0.1:{port}"))).unwrap();
        let error = answer::<json::Slos>(&client, SLOS).await.unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!(
                "no daemon answers; start it with `burnwatch run`, or say where it listens with --listen: \
                 http://127.0.0.1:{port} refused the connection"
            )
        );
    }
}

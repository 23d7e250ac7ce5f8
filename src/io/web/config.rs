//! Where is listened, how often one may ask, and whom we believe about who asks. What web.yml says is read in `gate`.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::io::http;
use crate::units::{Problem, Span};
use crate::yaml::{Fields, Node, Whole};

/// The `web` of a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Host and port.
    pub listen: String,
    /// In the format of exporter-toolkit; see [`Gate`](crate::io::web::Gate).
    pub config_file: Option<PathBuf>,
    /// None: nobody is limited.
    pub rate_limit: Option<Rate>,
    /// Whose word on where a request came from is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// How often one client may ask for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub requests: NonZeroU32,
    /// At least 1 ns for each request.
    pub per: Span,
    /// How many may come at once.
    pub burst: NonZeroU32,
}

impl Rate {
    pub const DEFAULT: Rate = Rate { requests: whole(60), per: Span::minutes(1), burst: whole(20) };
}

/// `number`, or 1 where it is 0.
const fn whole(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: "127.0.0.1:9872".into(),
            config_file: None,
            rate_limit: Some(Rate::DEFAULT),
            trusted_proxies: Vec::new(),
        }
    }
}

impl Config {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Config {
        let mut config = Config::default();
        let Some(mut fields) = Fields::of(node, "web", problems) else { return config };
        if let Some(listen) = fields.text("listen") {
            config.listen = listen.to_string();
        }
        config.config_file = http::path(&mut fields, "config_file");
        if let Some(node) = fields.take("rate_limit") {
            config.rate_limit = read_rate(node, fields.problems);
        }
        if let Some(nodes) = fields.list("trusted_proxies") {
            config.trusted_proxies = nodes.iter().filter_map(|node| network(node, fields.problems)).collect();
        }
        fields.done();
        config
    }
}

fn read_rate(node: &Node, problems: &mut Vec<Problem>) -> Option<Rate> {
    if node.text() == Some("off") {
        return None;
    }
    let mut rate = Rate::DEFAULT;
    let mut fields = Fields::of(node, "rate_limit", problems)?;
    rate.requests = read_count(&mut fields, "requests").unwrap_or(rate.requests);
    rate.per = fields.read("per").unwrap_or(rate.per);
    rate.burst = read_count(&mut fields, "burst").unwrap_or(rate.burst);
    fields.done();
    Some(rate)
}

fn read_count(fields: &mut Fields, key: &'static str) -> Option<NonZeroU32> {
    let node = fields.take(key)?;
    let Whole(number) = node.read(key, fields.problems)?;
    let count = u32::try_from(number).ok().filter(|number| *number <= MOST).and_then(NonZeroU32::new);
    if count.is_none() {
        let what = format!("{key} {number} is not from 1 to {MOST}");
        fields.refuse(node, key, &what, "write such as 60, or rate_limit: off");
    }
    count
}

/// More requests than that in any span are no limit.
const MOST: u32 = 1_000_000;

/// A network such as `10.0.0.0/8`, or one address.
fn network(node: &Node, problems: &mut Vec<Problem>) -> Option<IpNet> {
    let text = node.text().unwrap_or_default();
    let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if network.is_none() {
        let what = format!("trusted_proxies {text:?} is no network");
        let remedy = "write networks or addresses, such as [10.0.0.0/8, 192.0.2.7]";
        problems.push(Problem::error("trusted_proxies", what, remedy).at(&node.place));
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>) {
        let (documents, mut problems) = crate::yaml::documents("etc/burnwatch.yaml", text);
        let config = Config::read(&documents[0], &mut problems);
        (config, problems.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).1, [format!("etc/burnwatch.yaml:1:{expected}")]);
    }

    #[test]
    fn listens_on_loopback_and_limits_unless_it_is_told_otherwise() {
        assert_eq!(read("{}"), (Config::default(), vec![]));
        let (config, problems) = read(
            "{ listen: 0.0.0.0:80, config_file: web.yml, trusted_proxies: [10.0.0.0/8, 192.0.2.7],
               rate_limit: { requests: 5, per: 1s } }",
        );
        assert_eq!(problems, [""; 0]);
        let rate = Rate { requests: whole(5), per: Span::seconds(1), burst: whole(20) };
        let expected = Config {
            listen: "0.0.0.0:80".into(),
            config_file: Some("etc/web.yml".into()),
            rate_limit: Some(rate),
            trusted_proxies: ["10.0.0.0/8", "192.0.2.7/32"].map(|network| network.parse().unwrap()).into(),
        };
        assert_eq!(config, expected);
        assert_eq!(read("rate_limit: off").0.rate_limit, None);
    }

    #[test]
    fn says_what_to_write_instead() {
        check("lisen: x", "1: \"lisen\" is not a key of web; write \"listen\"");
        check("rate_limit: { burst: 0 }", "22: burst 0 is not from 1 to 1000000; write such as 60, or rate_limit: off");
        check(
            "rate_limit: 60",
            "13: rate_limit wants a mapping, found text; write `key: value` lines beneath it, or { key: value }",
        );
        check(
            "trusted_proxies: [proxy]",
            "19: trusted_proxies \"proxy\" is no network; write networks or addresses, such as [10.0.0.0/8, 192.0.2.7]",
        );
    }
}

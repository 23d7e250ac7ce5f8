//! How notices leave the host: channels with names, each a webhook, a mailbox or an Alertmanager.
//! Never knows why somebody is told, nor when it is tried again. Secrets come from files and stand in no error.

pub mod alertmanager;
mod email;
mod webhook;

use std::collections::BTreeSet;

use crate::alerts::{Kind, Notice};
use crate::io::http;
use crate::outbox::{Answer, Subscription};
use crate::units::{Labels, Place, Problem, Severity};
use crate::yaml::{Fields, Node, Value};

pub use alertmanager::Alertmanager;

/// One channel, as it is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Used in metrics, logs and on the command line.
    pub name: Box<str>,
    pub place: Place,
    /// What it wants to hear; `None` where nobody said.
    pub only: Option<BTreeSet<Kind>>,
    /// What of whom it wants to hear.
    pub labels: Labels,
    pub way: Way,
}

/// How it is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    Webhook(Box<webhook::Config>),
    Email(Box<email::Config>),
    Alertmanager(alertmanager::Config),
}

impl Config {
    /// The channels of `notify`. One that is wrong is left out and told; it stops none of the others.
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Vec<Config> {
        let before = problems.len();
        let channels = Config::read_all(node, problems);
        // A line may hold what nobody should read in an answer.
        for problem in &mut problems[before..] {
            problem.place = problem.place.take().map(|place| Place { text: "".into(), ..place });
        }
        channels
    }

    fn read_all(node: &Node, problems: &mut Vec<Problem>) -> Vec<Config> {
        let Value::List(items) = &node.value else {
            problems.push(node.misshapen("\"notify\"", "a list"));
            return Vec::new();
        };
        let mut channels: Vec<Config> = Vec::new();
        for item in items {
            let before = problems.len();
            let channel = Config::read_one(item, problems);
            let is_sound = problems[before..].iter().all(|problem| problem.severity != Severity::Error);
            let Some(channel) = channel.filter(|_| is_sound) else { continue };
            match channels.iter().find(|first| first.name == channel.name) {
                Some(first) => {
                    let what = format!("channel {:?} stands twice, first at {}", channel.name, first.place);
                    let problem = Problem::error("duplicate_channel", what, "give one another name, or remove it");
                    problems.push(problem.at(&channel.place));
                }
                None => channels.push(channel),
            }
        }
        channels
    }

    fn read_one(node: &Node, problems: &mut Vec<Problem>) -> Option<Config> {
        let mut fields = Fields::of(node, "a channel", problems)?;
        let place = Place { text: "".into(), ..fields.place_of("name").unwrap_or(&node.place).clone() };
        let name = fields.require("name").text("name");
        let webhook = fields.take("webhook").map(|node| webhook::Config::read(node, fields.problems).map(Box::new));
        let email = fields.take("email").map(|node| email::Config::read(node, fields.problems).map(Box::new));
        let alertmanager = fields.take("alertmanager").map(|node| alertmanager::Config::read(node, fields.problems));
        let only = fields.take("only").map(|node| read_kinds(node, fields.problems));
        let labels = fields.take("match").map(|node| read_labels(node, fields.problems));
        let is_misspelt = fields.unread().next().is_some();
        let ways = [
            webhook.map(|webhook| webhook.map(Way::Webhook)),
            email.map(|email| email.map(Way::Email)),
            alertmanager.map(|alertmanager| alertmanager.map(Way::Alertmanager)),
        ];
        let mut ways = ways.into_iter().flatten();
        let way = ways.next();
        if let (Some(Some(Way::Alertmanager(_))), true) = (&way, only.is_some()) {
            let what = "an Alertmanager is sent alerts and not notices, so there is nothing to choose with \"only\"";
            fields.problems.push(Problem::error("only", what, "remove it; \"match\" chooses SLOs").at(&place));
        }
        if way.is_some() && ways.next().is_some() {
            let what = "a channel is one of webhook, email and alertmanager";
            fields.problems.push(Problem::error("channel", what, "make two channels of it").at(&place));
        }
        if way.is_none() && !is_misspelt {
            let what = "this channel leads nowhere";
            fields.problems.push(Problem::error("channel", what, "give it webhook, email or alertmanager").at(&place));
        }
        fields.done();
        Some(Config { name: name?.into(), place, only, labels: labels.unwrap_or_default(), way: way?? })
    }

    /// What the channel wants to hear. Where nobody said, all; but not what rule files alert where there are some.
    pub fn subscription(&self, rules_are_written: bool) -> Subscription {
        let all = || Kind::ALL.into_iter().filter(|kind| !(rules_are_written && kind.is_in_rules())).collect();
        let kinds = self.only.clone().unwrap_or_else(all);
        Subscription { channel: self.name.clone(), kinds, labels: self.labels.clone() }
    }
}

fn read_kinds(node: &Node, problems: &mut Vec<Problem>) -> BTreeSet<Kind> {
    let Value::List(items) = &node.value else {
        problems.push(node.misshapen("\"only\"", "a list"));
        return BTreeSet::new();
    };
    let mut kinds = BTreeSet::new();
    for item in items {
        let text = item.text().unwrap_or_default();
        match Kind::ALL.into_iter().find(|kind| kind.name() == text) {
            Some(kind) => _ = kinds.insert(kind),
            None => {
                let what = format!("{text:?} is no kind of notice");
                problems.push(
                    Problem::error("only", what, format!("write some of {}", Kind::ALL.map(Kind::name).join(", ")))
                        .at(&item.place),
                );
            }
        }
    }
    kinds
}

fn read_labels(node: &Node, problems: &mut Vec<Problem>) -> Labels {
    Labels::new(node.texts("match", problems).into_iter().map(|(name, value, _)| (name, value)))
}

/// A channel that can be used.
pub enum Channel {
    Messenger(Messenger),
    Alertmanager(Alertmanager),
}

/// A channel that is sent one notice after the other.
pub enum Messenger {
    Webhook(Box<webhook::Webhook>),
    Email(Box<email::Email>),
}

impl Channel {
    /// The channel, unless it cannot be used at all, and what is wrong with it now: a secret that cannot be read may be
    /// there by the time it is needed.
    pub fn build(config: &Config) -> (Option<Channel>, Option<Problem>) {
        let built = match &config.way {
            Way::Webhook(webhook) => webhook::Webhook::build(webhook)
                .map(|(webhook, trouble)| (Channel::Messenger(Messenger::Webhook(Box::new(webhook))), trouble)),
            Way::Email(email) => email::Email::build(email)
                .map(|(email, trouble)| (Channel::Messenger(Messenger::Email(Box::new(email))), trouble)),
            Way::Alertmanager(alertmanager) => Alertmanager::build(alertmanager, &config.labels)
                .map(|alertmanager| (Channel::Alertmanager(alertmanager), None)),
        };
        let problem = |trouble: Trouble| {
            let what = format!("channel {:?}: {}", config.name, trouble.what);
            Problem::error("channel", what, trouble.remedy).at(&config.place)
        };
        match built {
            Ok((channel, trouble)) => (Some(channel), trouble.map(problem)),
            Err(trouble) => (None, Some(problem(trouble))),
        }
    }
}

/// Why a channel cannot be used.
#[derive(Debug)]
pub struct Trouble {
    pub what: String,
    pub remedy: String,
}

impl From<http::Error> for Trouble {
    fn from(error: http::Error) -> Trouble {
        Trouble { what: error.to_string(), remedy: error.remedy().to_string() }
    }
}

impl Messenger {
    /// Sends a notice and tells what was said to it.
    pub async fn send(&self, notice: &Notice) -> Answer {
        match self {
            Messenger::Webhook(webhook) => webhook.send(notice).await,
            Messenger::Email(email) => email.send(notice).await,
        }
    }
}

#[cfg(test)]
mod tests;

use crate::io::notify::*;
use crate::yaml::documents;

/// The names of the channels that `text` makes, and what is wrong with it.
fn check(text: &str, names: &[&str], expected: &[&str]) {
    let (nodes, mut problems) = documents("burnwatch.yaml", text);
    let channels = Config::read(&nodes[0], &mut problems);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, expected, "{text}");
    assert_eq!(channels.iter().map(|channel| &*channel.name).collect::<Vec<_>>(), names);
    assert!(problems.iter().all(|problem| problem.place.as_ref().is_none_or(|place| place.text.is_empty())));
}

const HOOK: &str = "- { name: hook, webhook: { url: 'https://h.example/x', format: slack, secret_file: s } }";
const MAIL: &str =
    "- { name: mail, email: { smtp: 'h:25', from: a@b, to: [owner] }, only: [burn], match: { tier: '1' } }";
const AM: &str = "- { name: am, alertmanager: { urls: ['http://a:9093', 'http://b:9093'] } }";

#[test]
fn reads_channels_of_every_kind() {
    check(&[HOOK, MAIL, AM].join("\n"), &["hook", "mail", "am"], &[]);
}

#[test]
fn a_wrong_channel_is_told_and_stops_none_of_the_others() {
    let check_one = |channel: &str, expected: &[&str]| check(&[channel, AM].join("\n"), &["am"], expected);
    check_one(
        "- { name: x, pager: { key: s3cret } }",
        &[
            "burnwatch.yaml:1:14: \"pager\" is not a key of a channel; its keys are name, webhook, email, alertmanager, only, match",
        ],
    );
    check_one(
        "- { name: x }",
        &["burnwatch.yaml:1:5: this channel leads nowhere; give it webhook, email or alertmanager"],
    );
    check_one(
        "- { name: x, webhook: { url: ftp://h/ } }",
        &["burnwatch.yaml:1:25: url \"ftp://h/\" is neither http nor https; write it such as http://localhost:9090"],
    );
    check_one(
        "- { name: x, webhook: { format: json } }",
        &["burnwatch.yaml:1:23: a webhook wants \"url\"; add `url: ...`"],
    );
    check_one(
        "- { name: x, webhook: { url: 'http://h' }, only: [budget] }",
        &[
            "burnwatch.yaml:1:51: \"budget\" is no kind of notice; write some of budget_consumed, budget_exhausted, budget_recovered, burn, no_data, power_above, low_power",
        ],
    );
    check_one(
        "- { name: x, alertmanager: { urls: ['h:9093', 'http://h'] } }",
        &["burnwatch.yaml:1:37: url \"h:9093\" is neither http nor https; write it such as http://localhost:9090"],
    );
    check_one(
        "- { name: x, alertmanager: { urls: ['http://h'] }, only: [burn] }",
        &[
            "burnwatch.yaml:1:5: an Alertmanager is sent alerts and not notices, so there is nothing to choose with \"only\"; remove it; \"match\" chooses SLOs",
        ],
    );
    let webhook_and_mail = "- { name: x, webhook: { url: 'http://h' }, email: { smtp: h, from: a@b, to: [a@b] } }";
    check_one(
        webhook_and_mail,
        &["burnwatch.yaml:1:5: a channel is one of webhook, email and alertmanager; make two channels of it"],
    );
    check_one("- { webhook: { url: 'http://h' } }", &["burnwatch.yaml:1:3: a channel wants \"name\"; add `name: ...`"]);
    check(
        "hook",
        &[],
        &["burnwatch.yaml:1:1: \"notify\" wants a list, found text; write `- ` before each item, or [a, b]"],
    );
}

#[test]
fn of_two_channels_with_one_name_the_first_stays() {
    check(
        &format!("{AM}\n{}", MAIL.replace("name: mail", "name: am")),
        &["am"],
        &[
            "burnwatch.yaml:2:5: channel \"am\" stands twice, first at burnwatch.yaml:1:5; give one another name, or remove it",
        ],
    );
}

#[test]
fn budgets_are_told_by_default_and_burns_where_no_rules_do() {
    let (nodes, mut problems) = documents("f", &[HOOK, MAIL].join("\n"));
    let channels = Config::read(&nodes[0], &mut problems);
    let by_rules = [Kind::Burn, Kind::NoData];
    let others = Kind::ALL.into_iter().filter(|kind| !by_rules.contains(kind)).collect();
    assert_eq!(channels[0].subscription(true).kinds, others);
    assert_eq!(channels[0].subscription(false).kinds, BTreeSet::from(Kind::ALL));
    assert_eq!(channels[1].subscription(true).kinds, BTreeSet::from([Kind::Burn]));
    assert_eq!(channels[1].subscription(true).labels, Labels::new([("tier", "1")]));
}

#[test]
fn an_unreadable_secret_is_told_and_the_channel_waits_for_it() {
    let text = "- { name: a, webhook: { url: 'http://h', secret_file: /nowhere/key } }\n\
                - { name: b, email: { smtp: localhost, username: u, password_file: /nowhere/word, from: a@b, to: [a@b] } }\n\
                - { name: c, webhook: { url_file: /nowhere/url } }\n\
                - { name: d, email: { smtp: h, ca_file: /nowhere/ca, from: a@b, to: [a@b] } }";
    let (nodes, mut problems) = documents("burnwatch.yaml", text);
    let channels = Config::read(&nodes[0], &mut problems);
    assert_eq!(problems, []);
    let built: Vec<(bool, String)> = channels
        .iter()
        .map(|channel| {
            let (channel, problem) = Channel::build(channel);
            (channel.is_some(), problem.map(|problem| problem.to_string()).unwrap_or_default())
        })
        .collect();
    let gone = "cannot be read: No such file or directory (os error 2)";
    let check = "check that it exists and that burnwatch may read it";
    assert_eq!(built[0], (true, format!("burnwatch.yaml:1:5: channel \"a\": /nowhere/key {gone}; {check}")));
    assert_eq!(built[1], (true, format!("burnwatch.yaml:2:5: channel \"b\": /nowhere/word {gone}; {check}")));
    assert_eq!(built[2], (true, format!("burnwatch.yaml:3:5: channel \"c\": /nowhere/url {gone}; {check}")));
    let name = "name a file with PEM certificates in ca_file";
    assert_eq!(built[3], (false, format!("burnwatch.yaml:4:5: channel \"d\": /nowhere/ca {gone}; {name}")));
}

//! Webhooks that fail in every way a server can, daemons that are killed, and configurations that are wrong.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::notices::{OUTAGE, SOON, deliveries, fail_at_once, kinds, shop, start};
use crate::stand::{Daemon, Manner, Receiver, Requests, check_metrics, eventually};

const BUDGET: &str = "only: [budget_consumed, budget_exhausted, budget_recovered]";

fn hook(name: &str, receiver: &Receiver, more: &str) -> String {
    format!("\n  - {{ name: {name}, webhook: {{ url: '{}', timeout: 1s{more} }}, {BUDGET} }}", receiver.url())
}

#[test]
fn a_webhook_that_fails_in_every_way_gets_its_notice_once_it_recovers_and_delays_no_other() {
    let manners = [Manner::Answer(500), Manner::Hang, Manner::AskToWait(6), Manner::CloseMidBody, Manner::Redirect];
    let (failing, healthy) = (Receiver::start(&manners), Receiver::start(&[]));
    let channels = [hook("failing", &failing, ", secret_file: key"), hook("healthy", &healthy, "")].concat();
    let channels = channels.replace(BUDGET, "only: [budget_exhausted]");
    let (service, mut daemon) = shop(&format!("notify:{channels}"));
    daemon.write("key", "the key\n");
    start(&mut daemon);
    fail_at_once(&service);
    let other = eventually("the healthy one is told", SOON, || healthy.accepted(), |told| !told.is_empty());
    assert_eq!(kinds(&other), ["budget_exhausted"]);
    assert!(failing.posts().len() < manners.len(), "it waited for the failing one");

    let told = eventually("the failing one recovers", SOON, || failing.accepted(), |told| !told.is_empty());
    assert_eq!(told, other, "the same notice");
    let posts = failing.posts();
    assert_eq!(posts.len(), manners.len() + 1);
    assert!(posts.iter().all(|post| post.path == "/hook"));
    for post in &posts {
        assert_eq!(post.body, posts[0].body);
        assert_eq!(post.headers["idempotency-key"], told[0]["id"].as_str().unwrap());
        let mut mac = Hmac::<Sha256>::new_from_slice(b"the key").unwrap();
        mac.update(post.body.as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(post.headers["x-burnwatch-signature"], format!("sha256={hex}"));
    }
    let waited = posts[3].at - posts[2].at;
    assert!(waited >= Duration::from_secs(6), "it was asked to wait and waited {waited:?}");

    let state = || deliveries(&daemon, "failing")[0].clone();
    let delivery = eventually("it is noted", SOON, state, |delivery| delivery["state"] == "delivered");
    assert_eq!((&delivery["attempts"], &delivery["next"]), (&6.into(), &Value::Null), "{delivery}");
    let metrics = daemon.text("/metrics");
    for series in [
        "burnwatch_notifications_total{channel=\"failing\",outcome=\"retried\"} 5",
        "burnwatch_notifications_total{channel=\"failing\",outcome=\"delivered\"} 1",
        "burnwatch_notifications_total{channel=\"healthy\",outcome=\"delivered\"} 1",
        "burnwatch_notifications_pending 0",
    ] {
        assert!(metrics.contains(series), "{series} in {metrics}");
    }
    assert_eq!(check_metrics(&metrics), Ok(()));
}

#[test]
fn every_threshold_on_the_way_is_told_once_and_recovery_too_and_a_restart_repeats_none() {
    let receiver = Receiver::start(&[]);
    let (service, mut daemon) = shop(&format!("notify:{}", hook("hook", &receiver, "")));
    start(&mut daemon);
    // A third fails: 19 s to 75 %, 23 s to 90 %, 26 s to all of it.
    service.flow(Requests { total: 3, failed: 1, slow: 0 });
    // Killed before it has written that a notice arrived, it would rightly send that one again.
    let told = |daemon: &Daemon, count: usize| {
        let is_delivered = |delivery: &Value| delivery["state"] == "delivered";
        let delivered = || deliveries(daemon, "hook").iter().filter(|delivery| is_delivered(delivery)).count();
        eventually(&format!("{count} notices"), SOON, delivered, |delivered| *delivered >= count);
        daemon.wait_next_tick();
    };
    told(&daemon, 1);
    daemon.kill();
    daemon.start();
    told(&daemon, 2);
    daemon.kill();
    daemon.start();
    told(&daemon, 3);
    daemon.kill();
    daemon.start();
    service.pause();
    service.serve(Requests { total: 100_000_000, failed: 0, slow: 0 });
    told(&daemon, 4);
    daemon.kill();
    daemon.start();
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    let all = receiver.accepted();
    assert_eq!(kinds(&all), ["budget_consumed", "budget_consumed", "budget_exhausted", "budget_recovered"]);
    assert_eq!((&all[0]["threshold"], &all[1]["threshold"]), (&0.75.into(), &0.9.into()));
    assert_eq!(receiver.posts().len(), 4);
    assert_eq!(all[0]["labels"]["tier"], "1");
    assert_eq!(all[0]["links"]["runbook"], "https://wiki.example.com/shop");
}

#[test]
fn a_kill_before_the_acknowledgement_and_one_before_the_sending_lose_no_notice() {
    let receiver = Receiver::start(&[Manner::Hang]);
    let more = ", headers: { X-Team: shop }".replace("timeout: 1s", "");
    let channel = hook("hook", &receiver, &more).replace("timeout: 1s", "timeout: 1m");
    let (service, mut daemon) = shop(&format!("notify:{channel}"));
    start(&mut daemon);
    service.flow(OUTAGE);
    // The first was sent and is never acknowledged; those behind it were committed and never sent.
    let exhausted = || deliveries(&daemon, "hook");
    let pending = eventually("exhaustion is committed", SOON, exhausted, |all| {
        all.iter().any(|delivery| delivery["kind"] == "budget_exhausted")
    });
    service.pause();
    assert!(pending.len() > 1, "{pending:?}");
    assert!(pending.iter().all(|delivery| delivery["state"] == "pending"), "{pending:?}");
    assert_eq!(receiver.posts().len(), 1);
    daemon.kill();
    daemon.start();
    let ids = |notices: &[serde_json::Value]| -> Vec<String> {
        notices.iter().map(|notice| notice["id"].as_str().unwrap().to_string()).collect()
    };
    let told = eventually("all arrive", SOON, || receiver.accepted(), |told| told.len() >= pending.len());
    assert_eq!(ids(&told), ids(&pending), "the same ones, in their order");
    assert_eq!(receiver.posts()[0].json()["id"], told[0]["id"], "sent twice, with one id");
    assert_eq!(receiver.posts()[0].headers["x-team"], "shop");
}

#[test]
fn what_is_refused_for_good_is_given_up_and_the_next_is_sent() {
    let receiver = Receiver::start(&[Manner::Answer(404)]);
    let (service, mut daemon) = shop(&format!("notify:{}", hook("hook", &receiver, ", format: slack")));
    start(&mut daemon);
    service.flow(Requests { total: 3, failed: 1, slow: 0 });
    let told = eventually("the second arrives", SOON, || receiver.accepted(), |told| !told.is_empty());
    assert_eq!(told[0]["blocks"][0]["type"], "header");
    let first = deliveries(&daemon, "hook")[0].clone();
    assert_eq!((&first["state"], &first["attempts"]), (&"given_up".into(), &1.into()), "{first}");
    assert!(first["answer"].as_str().unwrap().contains("404"), "{first}");
    assert!(daemon.output().contains("given up"), "{}", daemon.output());
}

#[test]
fn a_wrong_channel_is_a_problem_with_its_place_and_the_rest_runs() {
    let receiver = Receiver::start(&[]);
    let channels = [
        "notify:",
        "  - { name: unknown, pager: { number: 112 } }",
        "  - { name: nowhere, webhook: { url: 'not a url' } }",
        "  - { name: secret, webhook: { url: 'http://127.0.0.1:9', secret_file: missing } }",
        "  - { name: nobody, email: { smtp: 'localhost:25', from: a@b, to: ['not an address'] } }",
    ]
    .join("\n");
    let good = hook("good", &receiver, "");
    let (service, mut daemon) = shop(&format!("{channels}{good}{good}"));
    start(&mut daemon);
    let problems = daemon.get("/api/v1/problems")["problems"].as_array().unwrap().clone();
    let check = |line: u32, what: &str| {
        let found = problems.iter().find(|problem| problem["line"] == line && problem["file"].is_string());
        let found = found.unwrap_or_else(|| panic!("line {line} in {problems:?}"));
        assert!(found["what"].as_str().unwrap().contains(what), "{found}");
        assert!(!found["remedy"].as_str().unwrap().is_empty(), "{found}");
    };
    check(7, "\"pager\" is not a key of a channel");
    check(8, "\"not a url\" is not a URL");
    check(9, "missing cannot be read");
    check(10, "\"not an address\" is no mail address");
    check(12, "channel \"good\" stands twice");
    service.flow(OUTAGE);
    eventually("the good one is told", SOON, || receiver.accepted(), |told| !told.is_empty());
}

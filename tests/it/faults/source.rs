//! A live Prometheus behind a proxy that misbehaves in every way, one after the other. Each is no answer: it is said, no
//! event is lost by it and none is counted twice, and once it is over all is as it was.

use std::time::{Duration, Instant};

use crate::live::{ERRORS, SLOS, SOON, evaluate, shop, wait_counted, wait_measured};
use crate::stand::{Daemon, Proxy, Requests, Way, eventually};

/// A daemon that asks through a proxy, measuring.
fn asking(proxy: &Proxy, slos: &str) -> Daemon {
    let source = format!("prometheus: {{ url: {}, timeout: 2s }}", proxy.url());
    let mut daemon = Daemon::reading(&source, &evaluate(1, 1), slos, "burnwatch.db".as_ref());
    daemon.start();
    daemon
}

/// How it says that its source is.
fn source(daemon: &Daemon) -> String {
    let check = daemon.get("/health")["checks"]["source"].take();
    check["reason"].as_str().unwrap_or_default().to_string()
}

/// Returns when the source is said to be well.
#[track_caller]
fn wait_well(daemon: &Daemon) {
    eventually("the source is well again", SOON, || source(daemon), String::is_empty);
}

#[test]
fn no_answer_of_any_kind_loses_an_event_or_counts_one_twice_and_each_is_told() {
    let (prometheus, service) = shop(1);
    let proxy = Proxy::before(&prometheus.url());
    let daemon = asking(&proxy, SLOS);
    wait_measured(&daemon);
    service.flow(Requests { failed: 0, ..ERRORS });
    service.wait_scraped();
    wait_well(&daemon);
    let compressed = proxy.asked(Way::Through).iter().filter(|asked| asked.is_compressed).count();
    assert!(compressed > 0, "what is well is compressed");

    for (way, told) in [
        (Way::Late(Duration::from_secs(3)), "did not answer within 2s"),
        (Way::Status(503), "answered 503"),
        (Way::Cut, "was cut off"),
        (Way::Page, "answered with a web page"),
        (Way::Nonsense, "cannot be read"),
        (Way::Redirect, "redirects to"),
        (Way::Warn, "answered in part only: a store is gone"),
    ] {
        proxy.treat(way);
        eventually(&format!("{way:?} is told"), SOON, || source(&daemon), |source| source.contains(told));
        // The error series is born while it misbehaves.
        service.flow(ERRORS);
        let asked = proxy.asked(way).len();
        eventually("it is asked again", SOON, || proxy.asked(way).len(), |now| *now >= asked + 4);
        assert!(daemon.problems().iter().any(|(_, what)| what.contains(told)), "{told}: {:?}", daemon.problems());
        assert!(daemon.text("/metrics").contains("\nburnwatch_source_up 0\n"), "{told}");
        proxy.treat(Way::Through);
        wait_well(&daemon);
        assert!(!daemon.problems().iter().any(|(_, what)| what.contains(told)), "{told}: {:?}", daemon.problems());
    }
    service.pause();
    prometheus.wait_caught_up(&service);
    wait_counted(&[daemon], service.truth());
}

#[test]
fn a_source_that_asks_for_patience_or_for_less_is_given_it() {
    let (prometheus, service) = shop(1);
    let proxy = Proxy::before(&prometheus.url());
    let daemon = asking(&proxy, SLOS);
    wait_measured(&daemon);
    service.flow(ERRORS);
    service.wait_scraped();

    let wait = Duration::from_secs(4);
    proxy.treat(Way::AskToWait(wait.as_secs()));
    let asked = || proxy.asked(Way::AskToWait(wait.as_secs()));
    // What was under way at the same time may still come.
    let first = eventually("it is asked to wait", SOON, asked, |asked| !asked.is_empty())[0].at + wait / 4;
    eventually("it asks again", SOON, asked, |asked| asked.iter().any(|asked| asked.at > first));
    let early = asked().into_iter().filter(|asked| (first..first + wait / 2).contains(&asked.at));
    assert_eq!(early.map(|asked| asked.query).collect::<Vec<_>>(), [] as [&str; 0]);

    // Some ticks are missing; they are caught up in pieces as long as it answers: two minutes before each, and five seconds.
    proxy.treat(Way::Status(503));
    let since = Instant::now();
    eventually("ticks are missing", SOON, || since.elapsed(), |missing| *missing > Duration::from_secs(10));
    proxy.treat(Way::TooMuchOver(125));
    eventually("it is too much", SOON, || source(&daemon), |source| source.contains("too many samples"));
    wait_well(&daemon);

    proxy.treat(Way::Through);
    service.pause();
    prometheus.wait_caught_up(&service);
    wait_counted(&[daemon], service.truth());
}

/// One SLO reads every request that anybody counts, the other those of the shop alone: the second rides on the first.
const WIDE_AND_NARROW: &str = r#"
service: shop
window: 1d
slos:
  - name: everything
    objective: 99.9%
    sli: { bad: 'http_requests_total{code=~"5.."}', total: http_requests_total }
  - name: availability
    objective: 99.9%
    sli: { bad: 'http_requests_total{code=~"5..",job="shop"}', total: 'http_requests_total{job="shop"}' }
"#;

#[test]
fn an_slo_that_rides_on_a_question_that_is_refused_is_asked_for_by_itself_and_loses_nothing() {
    let (prometheus, service) = shop(1);
    let proxy = Proxy::before(&prometheus.url());
    let daemon = asking(&proxy, WIDE_AND_NARROW);
    let bad = |name: &str| daemon.slo("shop", name)["events"]["bad"].as_f64();
    let both = || [bad("everything"), bad("availability")];
    eventually("both are counted", SOON, both, |both| both.iter().all(Option::is_some));
    service.flow(Requests { failed: 0, ..ERRORS });
    service.wait_scraped();

    let refused = Way::TooMuchOf("query=http_requests_total[");
    proxy.treat(refused);
    service.flow(ERRORS);
    eventually("the narrow one is counted", SOON, || bad("availability"), |bad| *bad > Some(0.0));
    assert_eq!(bad("everything"), Some(0.0), "the wide one is not");
    let about = |problem: &(String, String)| problem.1.contains("too many samples");
    assert!(daemon.problems().iter().any(about), "{:?}", daemon.problems());
    let states = ["everything", "availability"].map(|name| daemon.slo("shop", name)["problems"].to_string());
    assert!(states[0].contains("too many samples") && !states[1].contains("too many samples"), "{states:?}");

    proxy.treat(Way::Through);
    service.pause();
    prometheus.wait_caught_up(&service);
    let truth = Some(service.truth().failed as f64);
    eventually("both are the truth", SOON, both, |both| *both == [truth, truth]);
    daemon.wait_next_tick();
    daemon.wait_next_tick();
    assert_eq!(both(), [truth, truth], "two ticks later");
}

//! From an outage to its end, live: rules of both styles that daemons write, a real Prometheus that runs them, and a real
//! Alertmanager that heeds the inhibition that is printed beside them.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::live::{evaluate, shop};
use crate::stand::{Alertmanager, Daemon, Prometheus, Receiver, Requests, eventually};

/// A page over 2 min needs one minute of measurements, and one of quiet to close.
const PAGE: Duration = Duration::from_secs(150);
/// A server's next word, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(60);

/// A day's budget of 99.99 % is spent by 8.6 s of total outage. The texts look like templates, and are none.
fn slos(service: &str) -> String {
    format!(
        "service: {service}\nwindow: 1d\nslos:\n  - name: availability\n    description: 'orders, {{{{ .Nobody }}}}'\n    \
         objective: 99.99%\n    labels: {{ tier: '{{{{1}}}}' }}\n    \
         sli: {{ bad: 'http_requests_total{{job=\"shop\",code=\"500\"}}', total: 'http_requests_total{{job=\"shop\"}}' }}\n    \
         alerts: {{ page: {{ annotations: {{ hint: 'see {{{{ $value }}}}' }} }} }}\n"
    )
}

/// Not started yet; it writes rules of a style, which `prometheus` is told of, and has one channel.
fn writing(prometheus: &Prometheus, style: &str, receiver: &Receiver) -> Daemon {
    let daemon = Daemon::configured(&prometheus.url(), &evaluate(1, 1), &slos(style), Path::new("burnwatch.db"));
    daemon.configure(&format!("rules: {{ dir: rules, style: {style}, reload: '{}/-/reload' }}", prometheus.url()));
    daemon.configure(&format!("notify: [{{ name: hook, webhook: {{ url: '{}' }} }}]", receiver.url()));
    daemon
}

/// What `generate rules` prints for an Alertmanager.
fn inhibition(daemon: &Daemon) -> String {
    let (code, said) = daemon.command(&["generate", "rules", "--out", daemon.path("printed").to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    said.split_once("Alertmanager wants:\n").unwrap().1.to_string()
}

/// The alert of a service and a severity, at the Alertmanager; null where there is none.
fn alert(alertmanager: &Alertmanager, service: &str, severity: &str) -> Value {
    let is_it = |alert: &Value| {
        let labels = &alert["labels"];
        labels["alertname"] == "ErrorBudgetBurn" && labels["service"] == service && labels["severity"] == severity
    };
    alertmanager.alerts().into_iter().find(is_it).unwrap_or_default()
}

#[test]
fn an_outage_pages_in_both_styles_silences_its_ticket_and_its_end_closes_the_page() {
    let (prometheus, service) = shop(1);
    let receivers = [Receiver::start(&[]), Receiver::start(&[])];
    let styles = ["standalone", "exporter"];
    let mut daemons = [0, 1].map(|index| writing(&prometheus, styles[index], &receivers[index]));
    let alertmanager = Alertmanager::configured(&inhibition(&daemons[0]));
    let paths = daemons.each_ref().map(|daemon| format!("'{}'", daemon.path("rules/*.yaml").display()));
    prometheus.configure(&format!(
        "rule_files: [{}]\nalerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{}'] }}] }}] }}",
        paths.join(", "),
        alertmanager.address()
    ));
    daemons.iter_mut().for_each(Daemon::start);
    prometheus.watch_also(&daemons[1]);
    for daemon in &daemons {
        let healthy = || daemon.text("/metrics").contains("\nburnwatch_rules_healthy 1\n");
        eventually("its rules are run", SOON, healthy, |healthy| *healthy);
    }
    eventually("it knows the Alertmanager", SOON, || prometheus.alertmanagers(), |count| *count == 1);

    service.flow(Requests { total: 2, failed: 2, slow: 0 });
    let firing = |style: &str| {
        let selector = format!("service=\"{style}\",severity=\"page\",alertstate=\"firing\"");
        prometheus.number(&format!("ALERTS{{alertname=\"ErrorBudgetBurn\",{selector}}}"))
    };
    for style in styles {
        eventually(&format!("{style} pages"), PAGE, || firing(style), |firing| *firing == Some(1.0));
        let page = || alert(&alertmanager, style, "page");
        let page = eventually("the Alertmanager has it", SOON, page, |page| page["status"]["state"] == "active");
        let said = page["annotations"]["description"].as_str().unwrap();
        assert!(said.starts_with("orders, {{ .Nobody }}; 99.99% over 1d: the burn is above 14.4"), "{said}");
        assert_eq!(page["annotations"]["hint"], "see {{ $value }}");
        assert_eq!(page["labels"]["tier"], "{{1}}");
    }
    let ticket = || alert(&alertmanager, "standalone", "ticket");
    let silent = eventually("the ticket", SOON, ticket, |ticket| !ticket.is_null());
    assert_eq!(silent["status"]["state"], "suppressed", "{silent}");
    let page = alert(&alertmanager, "standalone", "page");
    assert_eq!(silent["status"]["inhibitedBy"], serde_json::json!([page["fingerprint"]]));
    let exported = alert(&alertmanager, "exporter", "ticket");
    assert_eq!(exported, Value::Null, "there the daemon holds it back");

    service.flow(Requests { total: 5, failed: 0, slow: 0 });
    for style in styles {
        eventually(&format!("the page of {style} closes"), PAGE, || firing(style), Option::is_none);
        let page = || alert(&alertmanager, style, "page");
        eventually("the Alertmanager knows", SOON, page, Value::is_null);
    }
    eventually("the ticket speaks", SOON, ticket, |ticket| ticket["status"]["state"] == "active");

    for receiver in &receivers {
        let kinds = || receiver.accepted().iter().map(|notice| notice["kind"].clone()).collect::<Vec<_>>();
        let kinds = eventually("the budget is told", SOON, kinds, |kinds| !kinds.is_empty());
        assert!(!kinds.contains(&"burn".into()), "that the rules tell: {kinds:?}");
    }
}

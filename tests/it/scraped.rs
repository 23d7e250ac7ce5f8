//! The daemon without a Prometheus: it scrapes a service whose counts are known, and must count the truth to the event.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::live::{ERRORS, SLOS, SOON, evaluate, wait_counted, wait_measured};
use crate::stand::{Daemon, Requests, Service, eventually};

/// A daemon that scrapes these every second as the job `shop`, not started yet.
fn scraping(services: &[&Service], evaluate: &str) -> Daemon {
    let target =
        |service: &&Service| format!("{{ url: 'http://{}/metrics', labels: {{ job: shop }} }}", service.instance());
    let targets: Vec<String> = services.iter().map(target).collect();
    let source = format!("scrape: {{ every: 1s, targets: [{}] }}", targets.join(", "));
    Daemon::reading(&source, evaluate, SLOS, Path::new("burnwatch.db"))
}

/// Started, with its baseline of services at rest: what is served from here on, it must count.
#[track_caller]
fn daemon(services: &[&Service], evaluate: &str) -> Daemon {
    let mut daemon = scraping(services, evaluate);
    daemon.start();
    wait_measured(&daemon);
    daemon
}

fn shop() -> Service {
    let service = Service::start();
    service.serve(Requests { total: 500, failed: 0, slow: 40 });
    service
}

/// Returns when the daemon has counted all that was served, so that a process may end. Several daemons scrape the same
/// service; each has to have seen it.
fn settle(daemons: &[Daemon], service: &Service) {
    service.pause();
    service.wait_scraped();
    for daemon in daemons {
        (0..4).for_each(|_| daemon.wait_next_tick());
    }
}

#[test]
fn counts_to_the_event_through_resets_a_gap_and_kills() {
    let service = shop();
    let mut daemons = [(1, 1), (2, 1)].map(|(every, delay)| daemon(&[&service], &evaluate(every, delay)));
    service.mark();

    // The error series is born, at full traffic.
    service.flow(Requests { failed: 0, ..ERRORS });
    service.wait_scraped();
    service.flow(ERRORS);
    service.wait_scraped();

    // A gap, in which the traffic goes on.
    service.down();
    sleep(Duration::from_secs(20));
    service.up();
    service.wait_scraped();

    // Killed at full traffic, several times.
    for _ in 0..3 {
        daemons[0].kill();
        sleep(Duration::from_millis(700));
        daemons[0].start();
        service.wait_scraped();
    }

    // Another process.
    settle(&daemons, &service);
    service.restart();
    service.serve(Requests { total: 800, failed: 400, slow: 200 });
    service.flow(ERRORS);
    service.wait_scraped();
    // And another, while one daemon is not there. It sees a reset by the fall: the new process has served less by then.
    settle(&daemons, &service);
    daemons[0].kill();
    service.restart();
    service.flow(ERRORS);
    service.wait_scraped();
    daemons[0].start();
    service.wait_scraped();
    settle(&daemons, &service);
    wait_counted(&daemons, service.truth());
}

//! Processes that begin: everything they count is theirs, and it takes the source's word for when they began.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::spawn;

use burnwatch::units::Timestamp;

use crate::live::{SOON, daemon, evaluate, shop, wait_counted};
use crate::stand::{Daemon, Requests, Service, eventually};

#[test]
fn a_process_that_came_and_went_while_the_daemon_was_down_counts_in_full() {
    let (prometheus, old) = shop(1);
    let mut daemons = [daemon(&prometheus, &evaluate(1, 1))];
    daemons[0].kill();

    let new = Service::start_when_scraped();
    new.serve(Requests { total: 30, failed: 2, slow: 5 });
    prometheus.watch(&[&old, &new]);
    prometheus.wait_caught_up(&new);
    prometheus.watch(&[&old]);
    // Also at the instant that the daemon will ask for, a second or two ago.
    let targets = || prometheus.number("count(up offset 5s)");
    eventually("there were two", SOON, targets, |count| *count == Some(2.0));
    eventually("the new one is gone", SOON, targets, |count| *count == Some(1.0));

    daemons[0].start();
    wait_counted(&daemons, old.truth() + new.truth());
}

/// A source of the test's own making. Of `jobs_total` it shows one series that counts seconds; of `requests_total` one
/// that rests, and from a moment on another of 30, by a process that began then.
#[derive(Clone, Default)]
struct Source {
    /// When the other process began, in seconds since 1970; 0 before.
    began: Arc<AtomicU64>,
    /// Whether it says when processes began.
    tells_starts: Arc<AtomicBool>,
}

impl Source {
    /// Its address. It serves until the tests end.
    fn url(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let source = self.clone();
        spawn(move || {
            for stream in listener.incoming() {
                let source = source.clone();
                spawn(move || stream.and_then(|stream| source.serve(stream)));
            }
        });
        url
    }

    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let mut request = BufReader::new(stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0);
        while request.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            length = lower.strip_prefix("content-length: ").map_or(length, |text| text.trim().parse().unwrap());
            line.clear();
        }
        let mut body = vec![0; length];
        request.read_exact(&mut body)?;
        let body = String::from_utf8(body).unwrap();
        let time = body.split('&').find_map(|pair| pair.strip_prefix("time=")).and_then(|time| time.parse().ok());
        let (status, answer) = self.answer(&body, time.unwrap_or_default());
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
    }

    fn answer(&self, body: &str, time: f64) -> (&'static str, String) {
        let success =
            |kind, result| format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":[{result}]}}}}"#);
        let series = |instance: &str, value: &dyn Fn(u64) -> u64, from: u64| {
            let seconds = (time as u64 - 60).max(from)..=time as u64;
            let values: Vec<String> = seconds.map(|second| format!(r#"[{second},"{}"]"#, value(second))).collect();
            format!(r#"{{"metric":{{"job":"shop","instance":"{instance}"}},"values":[{}]}}"#, values.join(","))
        };
        let began = self.began.load(Ordering::SeqCst);
        if body.contains("process_start_time_seconds") {
            let start = format!(r#"{{"metric":{{"job":"shop","instance":"b"}},"value":[{time},"{began}"]}}"#);
            return match self.tells_starts.load(Ordering::SeqCst) {
                true => ("200 OK", success("vector", start)),
                false => ("500 Oh", r#"{"status":"error","errorType":"internal","error":"not now"}"#.to_string()),
            };
        }
        let result = match body {
            _ if body.contains("count%28") => return ("200 OK", success("vector", String::new())),
            _ if body.contains("jobs_total") => series("a", &|second| second, 0),
            _ if body.contains("requests_total") && (1..=time as u64).contains(&began) => {
                format!("{},{}", series("a", &|_| 100, 0), series("b", &|_| 30, began))
            }
            _ if body.contains("requests_total") => series("a", &|_| 100, 0),
            _ => String::new(),
        };
        ("200 OK", success("matrix", result))
    }
}

#[test]
fn what_a_process_counted_waits_for_the_word_on_its_start_and_nothing_else_does() {
    let source = Source::default();
    let slos = "
service: shop
slos:
  - { name: jobs, objective: 99%, sli: { bad: 'jobs_total{code=\"500\"}', total: jobs_total } }
  - { name: requests, objective: 99%, sli: { bad: 'requests_total{code=\"500\"}', total: requests_total } }
";
    let mut daemon = Daemon::configured(&source.url(), &evaluate(1, 1), slos, "burnwatch.db".as_ref());
    daemon.start();
    let total = |name: &str| daemon.slo("shop", name)["events"]["total"].as_f64();
    eventually(
        "both are measured",
        SOON,
        || (total("jobs"), total("requests")),
        |(jobs, requests)| *jobs > Some(0.0) && *requests == Some(0.0),
    );

    let now = Timestamp::parse(daemon.get("/api/v1/slos")["as_of"].as_str().unwrap()).unwrap();
    source.began.store(now.as_seconds() as u64 + 2, Ordering::SeqCst);
    let told = || daemon.get("/api/v1/problems").to_string();
    eventually("the refusal is told", SOON, told, |told| told.contains("not now"));
    let jobs = total("jobs");
    eventually("jobs are counted on", SOON, || total("jobs"), |now| *now > jobs.map(|jobs| jobs + 2.0));
    assert_eq!(total("requests"), Some(0.0));

    source.tells_starts.store(true, Ordering::SeqCst);
    eventually("the new process counts", SOON, || total("requests"), |requests| *requests == Some(30.0));
}

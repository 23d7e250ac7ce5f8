//! Those who mean the daemon harm, or know no better: it counts on, answers probes, and stays small.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::stand::{Daemon, Service, eventually, http, python};
use crate::web::{SLOS, SOON, daemon, exchanged};

/// Instants that pass under the crowd.
const INSTANTS: f64 = 12.0;
/// The share of them that is ticked at: on a machine that is busy with other tests, a scrape may take longer than one.
const ON_TIME: f64 = 0.6;
/// Between two probes.
const PAUSE: Duration = Duration::from_millis(50);
/// The share of probes that come in at once; the others wait a while for a crowd that is let in, found silent and sent away.
const AT_ONCE: f64 = 0.1;

/// The most memory it ever held, in KiB.
fn most_memory(daemon: &Daemon) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn ticks(daemon: &Daemon) -> f64 {
    let metrics = daemon.text("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix("burnwatch_tick_duration_seconds_count "));
    line.unwrap().parse().unwrap()
}

#[test]
fn two_thousand_slow_connections_stop_neither_ticks_nor_probes() {
    let service = Service::start();
    let mut daemon = daemon(&service, SLOS);
    daemon.start();
    daemon.wait_next_tick();
    let memory = most_memory(&daemon);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/web/crowd.py");
    let mut crowd = python();
    crowd.arg(script).arg(daemon.port().to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut crowd = crowd.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(crowd.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "here\n");

    let (before, since) = (ticks(&daemon), Instant::now());
    let mut asked = 0;
    while since.elapsed().as_secs_f64() < INSTANTS {
        let (status, said) = daemon.answer("/health/live");
        assert_eq!(status, 200, "{said}\n{}", daemon.output());
        asked += 1;
        sleep(PAUSE);
    }
    let (passed, ticked) = (since.elapsed().as_secs_f64(), ticks(&daemon) - before);
    assert!(ticked >= passed * ON_TIME, "{ticked} ticks in {passed} s, in which it was asked {asked} times");
    assert!(f64::from(asked) >= passed / PAUSE.as_secs_f64() * AT_ONCE, "{asked} probes in {passed} s");
    drop(crowd.stdin.take());
    assert!(crowd.wait().unwrap().success());

    let grown = most_memory(&daemon) / memory;
    assert!(grown < 3.0, "{grown} times the memory");
    assert_eq!(daemon.answer("/api/v1/slos").0, 200);
    assert!(daemon.stop().success(), "{}", daemon.output());
    assert!(!daemon.output().contains("panicked"), "{}", daemon.output());
}

#[test]
fn what_is_malformed_too_large_or_too_slow_is_refused_and_says_nothing_else() {
    let service = Service::start();
    let mut daemon = daemon(&service, SLOS);
    daemon.start();
    let port = daemon.port();
    // Two that say nothing: their ends are looked at below.
    let slow = [&b""[..], b"GET /health/live HTTP/1.1\r\nHost:"].map(|beginning| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        std::io::Write::write_all(&mut stream, beginning).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    });
    let refused = |bytes: &[u8], status: &str| {
        let answer = exchanged(port, bytes);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) || answer.is_empty(), "{answer}");
        assert!(!answer.contains("root:") && !answer.to_lowercase().contains("\r\nx-injected"), "{answer}");
        answer
    };
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").into_bytes();
    let head = |size: usize| {
        let x = "x".repeat(size);
        format!("GET /health/live HTTP/1.1\r\nHost: h\r\nX: {x}\r\nConnection: close\r\n\r\n").into_bytes()
    };
    assert!(exchanged(port, &head(12 << 10)).starts_with("HTTP/1.1 200"));
    assert!(refused(&head(17 << 10), "431").contains("431"));
    refused(&head(4 << 20), "431");
    refused(&ask(&format!("/{}", "a".repeat(100 << 10))), "4");
    assert!(
        refused(b"POST /api/v1/slos HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", "413").contains("413")
    );
    for garbage in [
        &b"\0\x01\x02\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        refused(garbage, "400");
    }
    for path in [
        "/../../etc/passwd",
        "/metrics/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/api/v1/slos/..%2f..%2f..%2fetc/passwd",
        "/api/v1/slos/shop/..%2F..%2Fburnwatch.yaml",
        "/api/v1/slos/a%0d%0aX-Injected:%20yes/b",
        "/%0d%0aX-Injected:%20yes",
        "//etc/passwd",
    ] {
        assert!(refused(&ask(path), "404").contains("not_found"), "{path}");
    }
    let cross = "POST /api/v1/slos HTTP/1.1\r\nHost: h\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n";
    assert!(refused(cross.as_bytes(), "403").contains("cross_site"));
    for mut stream in slow {
        let ended = || match stream.read(&mut [0; 512]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        };
        eventually("who asks too slowly is hung up on", SOON, ended, |ended| *ended);
    }
    assert_eq!(http::get(port, "/health/live").unwrap().0, 200);
    assert!(!daemon.output().contains("panicked"), "{}", daemon.output());
}

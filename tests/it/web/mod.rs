//! The daemon as a server: real clients, real certificates, and crowds that send and read slowly or not at all.

mod entering;
mod limits;
mod crowd;
mod leaving;
mod described;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::stand::{Daemon, Service};

/// Long enough for a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(30);

const SLOS: &str = "
service: shop
labels: { tier: \"1\" }
slos:
  - { name: availability, objective: 99.9%, sli: { bad: 'http_requests_total{code=\"500\"}', total: http_requests_total } }
";

/// A daemon that scrapes `service` and ticks every second, not started yet.
fn daemon(service: &Service, slos: &str) -> Daemon {
    let target = format!("{{ url: 'http://{}/metrics', labels: {{ job: shop }} }}", service.instance());
    let source = format!("scrape: {{ every: 1s, targets: [{target}] }}");
    Daemon::reading(&source, "{ every: 1s, delay: 200ms, scrape_interval: 1s }", slos, Path::new("burnwatch.db"))
}

/// What comes back for these bytes until the connection ends, as far as it is text.
pub fn exchanged(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    // It may refuse what is too large before it was sent whole.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

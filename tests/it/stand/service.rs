//! A service whose counts are known exactly: an HTTP server that Prometheus scrapes, and the truth about what it was
//! shown. It never knows who reads Prometheus after that.

use std::io::{Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, SystemTime};

use crate::stand::{Durations, Requests, eventually};

/// How often flowing traffic arrives.
const BEAT: Duration = Duration::from_millis(20);
/// The slowest scrapes of any test come 10 s apart and are answered after 8 s.
const TWO_SCRAPES: Duration = Duration::from_secs(60);
/// What a scraper accepts that knows native histograms, and then gets from a service that has some.
const PROTOBUF: &str = "application/vnd.google.protobuf";

/// One address, and the processes that live there one after the other.
pub struct Service {
    address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Inside {
    /// When the present process began; none yet: at its first scrape.
    started: Option<SystemTime>,
    /// What the present process has served, and how much of it Prometheus was shown in full.
    served: Requests,
    exposed: Requests,
    /// What nobody counts of the present process, because counting began later.
    baseline: Requests,
    /// The truth about the processes before.
    past: Requests,
    /// What arrives each beat.
    flow: Requests,
    /// How long orders took. Where there are some, a scraper that can read them is told these alone.
    orders: Durations,
    open: bool,
    down: bool,
    delay: Duration,
    scrapes: u64,
    ended: bool,
}

impl Service {
    /// A process that has begun, on a free port.
    pub fn start() -> Service {
        Service::began(Some(SystemTime::now()))
    }

    /// A process that begins in the moment of its first scrape: what it has served by then can only have happened
    /// since. (Prometheus takes up to 5 s to look at a new target, and ticks are shorter.)
    pub fn start_when_scraped() -> Service {
        Service::began(None)
    }

    fn began(started: Option<SystemTime>) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Mutex::new(Inside { started, ..Inside::default() }));
        let (accepting, flowing) = (inside.clone(), inside.clone());
        let threads = vec![spawn(move || accept(&listener, &accepting)), spawn(move || flow(&flowing))];
        Service { address, inside, threads }
    }

    /// Its address, which is also its label `instance`.
    pub fn instance(&self) -> String {
        self.address.to_string()
    }

    /// Serves these at once.
    pub fn serve(&self, requests: Requests) {
        self.inside().served += requests;
    }

    /// From now on serves these fifty times a second.
    pub fn flow(&self, requests: Requests) {
        self.inside().flow = requests;
    }

    pub fn pause(&self) {
        self.flow(Requests::default());
    }

    /// What the present process has served.
    pub fn served(&self) -> Requests {
        self.inside().served
    }

    /// Takes orders that last so many seconds each.
    pub fn take_orders(&self, seconds: &[f64]) {
        let mut inside = self.inside();
        seconds.iter().for_each(|seconds| inside.orders.observe(*seconds));
    }

    /// Sets the 0/1 gauge, which is 0 at first.
    pub fn set_open(&self, open: bool) {
        self.inside().open = open;
    }

    /// Answers every scrape with 503, until `up`.
    pub fn down(&self) {
        self.inside().down = true;
    }

    pub fn up(&self) {
        self.inside().down = false;
    }

    /// Answers so much later from now on.
    pub fn delay(&self, delay: Duration) {
        self.inside().delay = delay;
    }

    /// Another process at the same address: every counter is back at zero, the error series gone.
    #[track_caller]
    pub fn restart(&self) {
        let mut inside = self.inside();
        inside.assert_shown();
        inside.past = inside.truth();
        inside.served = Requests::default();
        inside.exposed = Requests::default();
        inside.baseline = Requests::default();
        inside.started = Some(SystemTime::now());
    }

    /// Counting begins here: what was shown so far is nobody's.
    #[track_caller]
    pub fn mark(&self) {
        let mut inside = self.inside();
        inside.assert_shown();
        inside.baseline = inside.exposed;
        inside.past = Requests::default();
    }

    /// What anyone who watched since `mark` (without one: from the start) must have counted: for every process the last
    /// value it showed less the first that counts.
    pub fn truth(&self) -> Requests {
        self.inside().truth()
    }

    /// Returns when two scrapes more were served in full: the second began after the call.
    #[track_caller]
    pub fn wait_scraped(&self) {
        let wanted = self.inside().scrapes + 2;
        eventually("two scrapes", TWO_SCRAPES, || self.inside().scrapes, |scrapes| *scrapes >= wanted);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        Inside::enter(&self.inside)
    }
}

impl Inside {
    /// A test that failed inside has changed nothing, and must still be able to end the threads.
    fn enter(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
        inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn truth(&self) -> Requests {
        self.past + self.exposed - self.baseline
    }

    /// A process that ends with requests it never showed takes them along: nobody could count them.
    #[track_caller]
    fn assert_shown(&self) {
        assert_eq!(self.exposed, self.served, "pause, and wait until Prometheus has caught up, before this");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.inside().ended = true;
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn flow(inside: &Mutex<Inside>) {
    loop {
        {
            let mut inside = Inside::enter(inside);
            if inside.ended {
                return;
            }
            let requests = inside.flow;
            inside.served += requests;
        }
        sleep(BEAT);
    }
}

fn accept(listener: &TcpListener, inside: &Arc<Mutex<Inside>>) {
    for stream in listener.incoming() {
        if Inside::enter(inside).ended {
            return;
        }
        let inside = inside.clone();
        // Its own thread, so that a slow answer holds up no other. A scraper that hangs up is not counted.
        spawn(move || stream.and_then(|stream| answer(stream, &inside)));
    }
}

fn answer(mut stream: TcpStream, inside: &Mutex<Inside>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            length => request.extend_from_slice(&piece[..length]),
        }
    }
    let delay = Inside::enter(inside).delay;
    sleep(delay);
    // Held while the answer leaves, so that what was exposed is what was served in that moment.
    let mut inside = Inside::enter(inside);
    if inside.ended || inside.down {
        return stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let started = *inside.started.get_or_insert_with(SystemTime::now);
    let (kind, body) = match inside.orders.count() > 0 && String::from_utf8_lossy(&request).contains(PROTOBUF) {
        true => {
            let kind = format!("{PROTOBUF}; proto=io.prometheus.client.MetricFamily; encoding=delimited");
            (kind, inside.orders.exposition(started))
        }
        false => ("text/plain; version=0.0.4".into(), inside.served.exposition(started, inside.open).into_bytes()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)?;
    inside.exposed = inside.served;
    inside.scrapes += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand::http;

    const SOME: Requests = Requests { total: 100, failed: 7, slow: 20 };

    fn scrape(service: &Service) -> (u16, String) {
        http::get(service.address.port(), "/metrics").unwrap()
    }

    #[test]
    fn the_truth_is_what_was_shown_since_the_mark_over_all_processes() {
        let service = Service::start();
        service.serve(SOME);
        assert_eq!(service.truth(), Requests::default(), "nobody has seen it yet");
        scrape(&service);
        service.mark();
        service.serve(SOME);
        scrape(&service);
        service.restart();
        service.serve(SOME);
        scrape(&service);
        service.serve(SOME);
        assert_eq!(service.truth(), SOME + SOME, "the mark's and the unseen do not count");
        assert_eq!(service.served(), SOME + SOME, "of the second process");
    }

    #[test]
    #[should_panic(expected = "pause, and wait until Prometheus has caught up")]
    fn a_process_may_not_end_with_requests_that_nobody_saw() {
        let service = Service::start();
        service.serve(SOME);
        service.restart();
    }

    #[test]
    fn traffic_flows_until_it_is_paused() {
        let service = Service::start();
        service.flow(Requests { total: 3, failed: 1, slow: 2 });
        let served = || service.served();
        eventually("some beats", Duration::from_secs(5), served, |served| served.total >= 9);
        service.pause();
        let Requests { total, failed, slow } = service.served();
        assert_eq!((total, slow), (failed * 3, failed * 2));
        sleep(BEAT * 3);
        assert_eq!(service.served().total, total);
    }

    #[test]
    fn refuses_while_it_is_down_and_shows_nothing_by_that() {
        let service = Service::start();
        service.serve(SOME);
        service.down();
        assert_eq!(scrape(&service).0, 503);
        assert_eq!(service.truth(), Requests::default());
        service.up();
        assert_eq!(scrape(&service).0, 200);
        assert_eq!(service.truth(), SOME);
    }

    #[test]
    fn a_delayed_answer_shows_the_moment_in_which_it_leaves() {
        let service = Service::start();
        service.delay(Duration::from_millis(300));
        let answer = std::thread::scope(|scope| {
            let answer = scope.spawn(|| scrape(&service).1);
            sleep(Duration::from_millis(100));
            service.serve(SOME);
            answer.join().unwrap()
        });
        assert!(answer.contains("http_requests_total{code=\"500\"} 7\n"), "{answer}");
    }
}

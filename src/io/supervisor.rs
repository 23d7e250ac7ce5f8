//! Whoever started the daemon and wants to hear how it is: systemd, told by the datagrams of sd_notify(3). Nobody where
//! the environment names no socket. Never knows what it is to be ready.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A supervisor that takes no word for so long is not waited for.
const TELLING: Duration = Duration::from_secs(1);

/// So often a sign of life is given within the time that the supervisor sets.
const BEATS: u32 = 4;

/// Work that gives more of them, 20 times as long as the supervisor would wait, is taken for stuck: an hour under the unit
/// that is shipped. However many questions wait for their timeouts, no tick takes that.
const MOST_BEATS: u32 = 20 * BEATS;

/// Why a supervisor cannot be told anything.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "NOTIFY_SOCKET is {0:?}, which is neither an absolute path nor an abstract name; start without it, or set one"
    )]
    NoAddress(OsString),
    #[error("the supervisor cannot be told anything: {0}; start without NOTIFY_SOCKET, or let this user open sockets")]
    NoSocket(io::Error),
}

/// A handle to the supervisor; the default is that there is none.
#[derive(Debug, Clone, Default)]
pub struct Supervisor(Option<Arc<Line>>);

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How often it wants to hear that we live, at least.
    beat: Option<Duration>,
    knows_we_are_ready: AtomicBool,
}

impl Supervisor {
    /// The one that the environment names.
    pub fn of_environment() -> Result<Supervisor, Error> {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Ok(Supervisor::default()) };
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        // It may be meant for the process that started us.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let within = number("WATCHDOG_USEC").filter(|within| *within > 0 && is_ours).map(Duration::from_micros);
        Supervisor::at(name, within)
    }

    /// The one that listens at `name` and takes us for stuck when it heard nothing `within` that.
    fn at(name: OsString, within: Option<Duration>) -> Result<Supervisor, Error> {
        let address = address(&name).ok_or(Error::NoAddress(name))?;
        let socket = UnixDatagram::unbound().map_err(Error::NoSocket)?;
        socket.set_write_timeout(Some(TELLING)).map_err(Error::NoSocket)?;
        let (beat, knows_we_are_ready) = (within.map(|within| within / BEATS), AtomicBool::new(false));
        Ok(Supervisor(Some(Arc::new(Line { socket, address, beat, knows_we_are_ready }))))
    }

    /// Tells that we are ready; once, however often it is said.
    pub fn ready(&self) {
        let Some(line) = &self.0 else { return };
        if !line.knows_we_are_ready.swap(true, Ordering::Relaxed) {
            self.send("READY=1");
        }
    }

    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// What comes of a reload, of whose beginning and end is told; not before it was said that we are ready.
    pub async fn reloading<T>(&self, reload: impl Future<Output = T>) -> T {
        if !self.0.as_ref().is_some_and(|line| line.knows_we_are_ready.load(Ordering::Relaxed)) {
            return reload.await;
        }
        self.send("RELOADING=1");
        let done = reload.await;
        self.send("READY=1");
        done
    }

    /// What comes of `work`. Meanwhile it is told that we live: by whoever does the work itself, so that nothing is told
    /// while that computes or is not woken any more.
    pub async fn hearing<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(beat) = self.0.as_ref().and_then(|line| line.beat) else { return work.await };
        let mut work = pin!(work);
        for _ in 0..MOST_BEATS {
            self.send("WATCHDOG=1");
            if let Ok(done) = tokio::time::timeout(beat, work.as_mut()).await {
                return done;
            }
        }
        work.await
    }

    fn send(&self, words: &str) {
        let Some(line) = &self.0 else { return };
        if let Err(error) = line.socket.send_to_addr(words.as_bytes(), &line.address) {
            tracing::warn!("the supervisor was not told {words}: {error}");
        }
    }
}

/// `@name` is an abstract name, of which only Linux knows.
fn address(name: &OsStr) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(name).ok(),
        #[cfg(target_os = "linux")]
        [b'@', rest @ ..] => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(rest).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const WITHIN: Duration = Duration::from_millis(40);

    /// What was told by now.
    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let (mut words, mut word) = (Vec::new(), [0; 64]);
        socket.set_nonblocking(true).unwrap();
        while let Ok(length) = socket.recv(&mut word) {
            words.push(String::from_utf8(word[..length].to_vec()).unwrap());
        }
        words
    }

    #[tokio::test]
    async fn a_supervisor_is_told_at_a_path_what_becomes_of_us() {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        let supervisor = Supervisor::at(dir.path().join("notify").into(), Some(WITHIN)).unwrap();
        supervisor.reloading(async {}).await;
        assert_eq!(heard(&socket), [""; 0], "it is not ready");
        supervisor.ready();
        supervisor.ready();
        supervisor.reloading(async {}).await;
        supervisor.stopping();
        assert_eq!(heard(&socket), ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_supervisor_is_told_at_an_abstract_name() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("burnwatch-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Supervisor::at(format!("@{name}").into(), None).unwrap().ready();
        assert_eq!(heard(&socket), ["READY=1"]);
    }

    #[test]
    fn what_is_no_address_is_told() {
        let told = Supervisor::at("notify".into(), None).unwrap_err().to_string();
        assert!(told.starts_with("NOTIFY_SOCKET is \"notify\", which is neither"), "{told}");
    }

    #[tokio::test]
    async fn work_that_waits_is_heard_and_work_that_is_never_woken_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        let supervisor = Supervisor::at(dir.path().join("notify").into(), Some(WITHIN)).unwrap();
        assert_eq!(supervisor.hearing(tokio::time::sleep(WITHIN * 2)).await, ());
        let beats = heard(&socket);
        assert!(beats.len() > 1 && beats.iter().all(|word| word == "WATCHDOG=1"), "{beats:?}");
        tokio::time::sleep(WITHIN).await;
        assert_eq!(heard(&socket), [""; 0], "nothing is under way");
    }

    #[tokio::test]
    async fn work_that_goes_on_and_on_is_not_heard_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(WITHIN * 25)).unwrap();
        let beats = std::thread::spawn(move || std::iter::from_fn(|| socket.recv(&mut [0; 64]).ok()).count());
        let supervisor = Supervisor::at(dir.path().join("notify").into(), Some(WITHIN)).unwrap();
        let never = supervisor.hearing(std::future::pending::<()>());
        assert!(tokio::time::timeout(WITHIN * 40, never).await.is_err());
        assert_eq!(beats.join().unwrap(), MOST_BEATS as usize);
    }
}

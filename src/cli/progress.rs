//! How far the past is read: a line at the foot of a terminal that log lines pass by, elsewhere a log line now and then.
//! Never knows how it is read.

use std::convert::Infallible;
use std::future::pending;
use std::io::{self, Write, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use terminal_size::{Width, terminal_size_of};
use tokio::sync::watch;
use tracing_subscriber::fmt::MakeWriter;

use crate::daemon::Progress;
use crate::io::clock::Stopwatch;
use crate::units::Span;

const DRAWN_EVERY: Duration = Duration::from_millis(200);
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// Where a terminal does not tell how wide it is.
const WIDTH: u16 = 80;

/// How many characters the bar has, and where a line has no room for it.
const BAR: usize = 24;

/// Back to the first column, and the line away.
const ERASE: &str = "\r\x1b[2K";

/// The last line of the standard error, which stays below whatever is written to that.
#[derive(Clone, Default)]
pub struct Foot(Arc<Mutex<String>>);

impl Foot {
    /// Shows another line in place of the last; nothing where it is empty.
    fn show(&self, line: String) {
        let mut shown = self.lock();
        // A terminal that takes nothing more is no reason to end.
        _ = write!(stderr(), "{ERASE}{line}").and_then(|()| stderr().flush());
        *shown = line;
    }

    pub fn clear(&self) {
        if !self.lock().is_empty() {
            self.show(String::new());
        }
    }

    fn lock(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes whole lines above the foot.
impl Write for &Foot {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let foot = self.lock();
        let mut all = Vec::with_capacity(lines.len() + foot.len() + ERASE.len());
        if !foot.is_empty() {
            all.extend(ERASE.as_bytes());
        }
        all.extend(lines);
        all.extend(foot.as_bytes());
        stderr().write_all(&all)?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for Foot {
    type Writer = &'a Foot;

    fn make_writer(&'a self) -> &'a Foot {
        self
    }
}

/// Shows how far the past is read for as long as it is polled: at the foot, or where there is none in the log.
pub async fn follow(mut progress: watch::Receiver<Progress>, foot: Option<&Foot>) -> Infallible {
    while let Ok(began) = progress.wait_for(is_reading).await.map(|progress| *progress) {
        let watch = Stopwatch::started();
        loop {
            tokio::time::sleep(if foot.is_some() { DRAWN_EVERY } else { LOGGED_EVERY }).await;
            let now = *progress.borrow();
            if !is_reading(&now) {
                break;
            }
            let told = told(&now, time_left(&began, &now, watch.elapsed()));
            match foot {
                Some(foot) => foot.show(line(&now, &told, width())),
                None => tracing::info!("reading the past: {told}"),
            }
        }
        foot.inspect(|foot| foot.clear());
    }
    pending().await
}

fn is_reading(progress: &Progress) -> bool {
    !progress.left.is_zero()
}

fn width() -> usize {
    let told = terminal_size_of(stderr()).map_or(WIDTH, |(Width(width), _)| width);
    usize::from(told)
}

/// As long as it took so far for each part, it takes for what is left; not known before anything was read.
fn time_left(began: &Progress, now: &Progress, elapsed: Duration) -> Option<Span> {
    let read = began.left - now.left;
    let seconds = elapsed.as_secs_f64() * now.left.share_of(read);
    (!read.is_zero()).then(|| Span::seconds(seconds.ceil() as i64))
}

/// `1230 of 3000 days of 100 SLOs, 25s left`
fn told(progress: &Progress, left: Option<Span>) -> String {
    let Progress { slos, total, left: unread } = *progress;
    let days = |span: Span| (span.share_of(Span::days(1))).round();
    let s = if slos == 1 { "" } else { "s" };
    let left = match left {
        Some(left) if left >= Span::minutes(2) => format!(", {} left", Span::minutes(left.as_millis() / 60_000)),
        Some(left) => format!(", {left} left"),
        None => String::new(),
    };
    format!("{} of {} days of {slos} SLO{s}{left}", days(total - unread), days(total))
}

/// What is told with a bar before it, in at most so many characters, for a longer line would not go away.
fn line(progress: &Progress, told: &str, width: usize) -> String {
    let full = ((1.0 - progress.left.share_of(progress.total)) * BAR as f64) as usize;
    let bar = format!("{}{}", "█".repeat(full.min(BAR)), "░".repeat(BAR - full.min(BAR)));
    let parts = [format!("reading the past  {bar}  {told}"), format!("{bar}  {told}"), told.to_string()];
    let fitting = parts.into_iter().find(|line| line.chars().count() < width);
    fitting.unwrap_or_else(|| told.chars().take(width.saturating_sub(1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(left: Span) -> Progress {
        Progress { slos: 100, total: Span::days(3_000), left }
    }

    #[test]
    fn tells_days_and_the_time_that_is_left() {
        let check = |left: Span, time: Option<Span>, expected: &str| assert_eq!(told(&progress(left), time), expected);
        check(Span::days(3_000), None, "0 of 3000 days of 100 SLOs");
        check(Span::days(1_770), Some(Span::seconds(25)), "1230 of 3000 days of 100 SLOs, 25s left");
        check(Span::hours(12), Some(Span::seconds(4_000)), "3000 of 3000 days of 100 SLOs, 1h6m left");
        let one = Progress { slos: 1, total: Span::days(1), left: Span::days(1) };
        assert_eq!(told(&one, None), "0 of 1 days of 1 SLO");
    }

    #[test]
    fn what_is_left_takes_as_long_as_what_was_read_took() {
        let time =
            |left: i64| time_left(&progress(Span::days(2_000)), &progress(Span::days(left)), Duration::from_secs(10));
        assert_eq!(time(1_000), Some(Span::seconds(10)));
        assert_eq!(time(1_500), Some(Span::seconds(30)));
        assert_eq!(time(2_000), None);
    }

    #[test]
    fn a_line_never_reaches_the_edge_of_its_terminal() {
        let half = progress(Span::days(1_500));
        let bar = "████████████░░░░░░░░░░░░";
        let check = |width: usize, expected: &str| assert_eq!(line(&half, "1500 of 3000 days", width), expected);
        check(80, &format!("reading the past  {bar}  1500 of 3000 days"));
        check(50, &format!("{bar}  1500 of 3000 days"));
        check(40, "1500 of 3000 days");
        check(10, "1500 of 3");
    }
}

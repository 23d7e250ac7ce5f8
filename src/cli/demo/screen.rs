//! What a viewer of the demo reads: how the SLOs stand, what is wrong in the shop, and what changed lately. Never knows
//! a terminal but by its size.

use std::collections::{BTreeMap, VecDeque};
use std::iter;
use std::net::SocketAddr;

use crate::alerts::State;
use crate::cli::demo::shop::{Incident, Shop};
use crate::report::{Snapshot, Wanted, json, slos};
use crate::units::{Span, Timestamp};

/// So many changes are shown.
const REMEMBERED: usize = 3;

const TITLE: &str = "burnwatch demo: an invented shop with 30 days of history (ctrl-C ends it)";

/// Clears the terminal.
const CLEAR: &str = "\x1b[2J";
/// Goes to the first line.
const HOME: &str = "\x1b[H";
/// Clears what is left of a line, and of the screen.
const REST_OF_LINE: &str = "\x1b[K\n";
const REST: &str = "\x1b[J";

/// Everything as of one tick.
#[derive(Debug, Clone)]
pub struct Frame {
    pub at: Timestamp,
    pub slos: json::Slos,
    trouble: Vec<(Incident, Span)>,
}

/// What a terminal shows, in characters and lines.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub width: usize,
    pub height: usize,
}

/// The last changes, oldest first.
#[derive(Debug, Default)]
pub struct Lately(VecDeque<String>);

impl Lately {
    pub fn extend(&mut self, news: Vec<String>) {
        self.0.extend(news);
        let over = self.0.len().saturating_sub(REMEMBERED);
        self.0.drain(..over);
    }
}

impl Frame {
    /// `None` before the first tick.
    pub fn of(snapshot: &Snapshot, shop: &Shop) -> Option<Frame> {
        let at = snapshot.as_of?;
        Some(Frame { at, slos: slos(snapshot, &Wanted::default()), trouble: shop.trouble(at) })
    }

    /// All of it as text, as much as there is room for. The lines of the table are taken to fit.
    pub fn page(&self, table: &str, lately: &Lately, address: SocketAddr, room: Option<Room>) -> String {
        let now = self.trouble.iter().map(|(incident, left)| format!("{incident}, {left} left"));
        let try_this = [
            format!("burnwatch status --listen {address}"),
            format!("curl http://{address}/api/v1/slos/payments/availability"),
            format!("curl http://{address}/metrics"),
        ];
        let below = [block("now", now), block("lately", lately.0.iter().cloned()), block("try", try_this)];
        let (width, height) = room.map_or((usize::MAX, usize::MAX), |room| (room.width, room.height));
        let fit = |line: &str| line.chars().take(width).collect::<String>();
        let above = [fit(TITLE), String::new()].into_iter();
        let table = table.lines().map(String::from).chain([String::new()]);
        let lines = above.chain(table).chain(below.iter().flatten().map(|line| fit(line)));
        lines.take(height).map(|line| line + "\n").collect()
    }

    /// What began and what ended since `before`, a line each.
    pub fn news_since(&self, before: &Frame) -> Vec<String> {
        let (now, then) = (self.affairs(), before.affairs());
        let began = now.iter().filter(|(affair, _)| !then.contains_key(*affair)).map(|(_, said)| &said.begins);
        let ended = then.iter().filter(|(affair, _)| !now.contains_key(*affair)).map(|(_, said)| &said.ends);
        let time = self.at.to_string();
        // Of 2026-11-20T12:00:00Z the time of day.
        let time = time.get(11..19).unwrap_or_default();
        began.chain(ended).map(|said| format!("{time} {said}")).collect()
    }

    /// Everything that lasts for a while: incidents, alerts, exhausted budgets.
    fn affairs(&self) -> BTreeMap<String, Said> {
        let mut affairs = BTreeMap::new();
        for (incident, _) in &self.trouble {
            let said = Said { begins: incident.to_string(), ends: format!("{incident}: over") };
            affairs.insert(incident.to_string(), said);
        }
        for slo in &self.slos.slos {
            let name = format!("{}/{}", slo.service, slo.slo);
            for alert in slo.alerts.iter().filter(|alert| alert.state != State::Suppressed.name()) {
                let affair = format!("{} of {name}", alert.severity);
                let said =
                    Said { begins: format!("{affair} opened: {}", alert.because), ends: format!("{affair} closed") };
                affairs.insert(affair, said);
            }
            if slo.budget.exhausted {
                let affair = format!("the budget of {name}");
                let said = Said {
                    begins: format!("{affair} is exhausted"),
                    ends: format!("{affair} has something left again"),
                };
                affairs.insert(affair, said);
            }
        }
        affairs
    }
}

/// What is said of something when it begins and when it ends.
struct Said {
    begins: String,
    ends: String,
}

/// Lines under one heading, which stands beside the first.
fn block(heading: &str, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let headings = iter::once(heading).chain(iter::repeat(""));
    headings.zip(lines).map(|(heading, line)| format!("{heading:8}{line}")).collect()
}

/// What a terminal is sent to show `page` in place of what it showed before.
pub fn redrawn(page: &str, is_first: bool) -> String {
    let clear = if is_first { CLEAR } else { "" };
    format!("{clear}{HOME}{}{REST}", page.replace('\n', REST_OF_LINE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::report::example;

    /// The example's SLOs, half a minute before the shop's card processor recovers.
    fn frame() -> Frame {
        let snapshot = example::snapshot();
        let shop = Shop::opened_at(snapshot.as_of.unwrap() - Span::seconds(15));
        Frame::of(&snapshot, &shop).unwrap()
    }

    fn page(lately: &Lately, room: Option<Room>) -> String {
        frame().page("THE TABLE\n", lately, "127.0.0.1:9872".parse().unwrap(), room)
    }

    #[test]
    fn a_page_says_how_it_stands_what_is_wrong_what_changed_and_what_to_try() {
        let mut lately = Lately::default();
        lately.extend(["one", "two", "three", "four"].map(String::from).to_vec());
        let expected = "\
burnwatch demo: an invented shop with 30 days of history (ctrl-C ends it)

THE TABLE

now     search: one replica answers with errors, 5h59m45s left
        payments: the card processor times out, 30s left
lately  two
        three
        four
try     burnwatch status --listen 127.0.0.1:9872
        curl http://127.0.0.1:9872/api/v1/slos/payments/availability
        curl http://127.0.0.1:9872/metrics
";
        let page = page(&lately, None);
        assert_eq!(page, expected, "\n{page}");
    }

    #[test]
    fn a_page_is_no_larger_than_the_terminal() {
        let page = page(&Lately::default(), Some(Room { width: 20, height: 5 }));
        assert_eq!(page, "burnwatch demo: an i\n\nTHE TABLE\n\nnow     search: one \n");
    }

    #[test]
    fn nothing_is_known_before_the_first_tick() {
        assert!(Frame::of(&Snapshot::default(), &Shop::opened_at(Timestamp::seconds(0))).is_none());
    }

    #[test]
    fn what_began_and_what_ended_is_news() {
        let now = frame();
        let mut then = now.clone();
        assert_eq!(now.news_since(&then), [""; 0]);
        then.trouble.truncate(1);
        let burning = then.slos.slos.iter_mut().find(|slo| slo.service == "search").unwrap();
        burning.alerts.clear();
        burning.budget.exhausted = false;
        assert_eq!(
            now.news_since(&then),
            [
                "12:00:00 page of search/availability opened: burning 15.2 over 1h and 31 over 5m, above 14.4",
                "12:00:00 payments: the card processor times out",
                "12:00:00 the budget of search/availability is exhausted",
            ]
        );
        assert_eq!(
            then.news_since(&now),
            [
                "12:00:00 page of search/availability closed",
                "12:00:00 payments: the card processor times out: over",
                "12:00:00 the budget of search/availability has something left again",
            ]
        );
    }

    #[test]
    fn an_alert_that_nobody_was_told_of_is_no_news() {
        let now = frame();
        let mut then = now.clone();
        let burning = then.slos.slos.iter_mut().find(|slo| slo.service == "search").unwrap();
        burning.alerts[0].state = State::Suppressed.name().to_string();
        assert_eq!(then.news_since(&now), ["12:00:00 page of search/availability closed"]);
    }

    #[test]
    fn a_terminal_is_cleared_once_and_then_written_over() {
        assert_eq!(redrawn("a\nb\n", true), "\x1b[2J\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
        assert_eq!(redrawn("a\n", false), "\x1b[Ha\x1b[K\n\x1b[J");
    }
}

//! What a viewer of the demo reads: how the SLOs stand, what is wrong in the shop, and what changed lately. Never knows
//! a terminal but by its width.

use std::collections::{BTreeMap, VecDeque};
use std::iter;
use std::net::SocketAddr;

use crate::alerts::State;
use crate::cli::demo::shop::{Incident, Shop};
use crate::report::{Snapshot, Wanted, json, slos};
use crate::units::{Span, Timestamp};

/// So many changes are shown.
const REMEMBERED: usize = 3;

const TITLE: &str = "burnwatch demo: an invented shop with 30 days of history, scraped every second; ctrl-C ends it";

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

    /// All of it as text; its own lines end at `width`, those of the table are as they are.
    pub fn page(&self, table: &str, lately: &Lately, address: SocketAddr, width: Option<u16>) -> String {
        let now = self.trouble.iter().map(|(incident, left)| format!("{incident}, {left} left"));
        let try_this = [
            format!("burnwatch status --listen {address}"),
            format!("curl http://{address}/api/v1/slos/payments/availability"),
            format!("curl http://{address}/metrics"),
        ];
        let below = [block("now", now), block("lately", lately.0.iter().cloned()), block("try", try_this)];
        let fit = |line: &str| line.chars().take(width.map_or(usize::MAX, usize::from)).collect::<String>() + "\n";
        let below: String = below.concat().iter().map(|line| fit(line)).collect();
        format!("{}\n{table}\n{below}", fit(TITLE))
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

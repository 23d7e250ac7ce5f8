//! The loop that keeps one Alertmanager informed of what is open: at once when that changes, and every minute, for what is
//! not renewed is taken to have ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::daemon::deliver::Books;
use crate::io::clock;
use crate::io::notify::alertmanager::{Alert, Peer, RENEWED_EVERY, body, open};
use crate::outbox::Outcome;
use crate::report::Snapshot;
use crate::units::{Labels, Span, Timestamp};

/// How often it is looked whether something opened or closed.
const LOOK: Duration = Duration::from_secs(1);

/// After a failure.
const RETRIED_AFTER: Span = Span::seconds(10);

/// What one Alertmanager was told, and when it hears more.
pub struct Renewal {
    channel: Box<str>,
    peer: Peer,
    /// Of which SLOs.
    labels: Labels,
    published: Arc<ArcSwap<Snapshot>>,
    books: Books,
    told: BTreeMap<Labels, Alert>,
    /// `None` before anything was told.
    renewed_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl Renewal {
    pub fn new(
        channel: Box<str>,
        peer: Peer,
        labels: Labels,
        published: Arc<ArcSwap<Snapshot>>,
        books: Books,
    ) -> Renewal {
        Renewal { channel, peer, labels, published, books, told: BTreeMap::new(), renewed_at: None, failed_at: None }
    }

    /// Renews until it is told to stop. What is open then ends by itself, or is renewed by the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = self.look() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn look(&mut self) {
        let snapshot = self.published.load_full();
        if snapshot.as_of.is_none() {
            return;
        }
        let open = open(&snapshot, &self.labels);
        let now = clock::now();
        if self.is_due(&open, now) {
            self.tell(open, now).await;
        }
    }

    /// Whether there is something to say now.
    fn is_due(&self, open: &BTreeMap<Labels, Alert>, now: Timestamp) -> bool {
        let is_over = |then: Option<Timestamp>, span: Span| then.is_none_or(|then| now.since(then) >= span);
        let is_new = !open.keys().eq(self.told.keys());
        let is_old = !open.is_empty() && is_over(self.renewed_at, RENEWED_EVERY);
        (is_new || is_old) && is_over(self.failed_at, RETRIED_AFTER)
    }

    async fn tell(&mut self, open: BTreeMap<Labels, Alert>, now: Timestamp) {
        let mut closed = self.told.clone();
        closed.retain(|labels, _| !open.contains_key(labels));
        let answer = self.peer.post(body(&open, &closed, now)).await;
        let peer = format!("{} ({})", self.channel, self.peer.origin());
        if answer.outcome == Outcome::Accepted {
            self.books.gauges.sent(&self.channel, "delivered");
            self.books.remark(peer, None);
            (self.told, self.renewed_at, self.failed_at) = (open, Some(now), None);
            return;
        }
        if self.failed_at.is_none() {
            tracing::warn!(channel = &*self.channel, answer = answer.said, "cannot tell which alerts are open");
        }
        self.books.gauges.sent(&self.channel, "retried");
        self.books.remark(peer, Some(answer.said));
        self.failed_at = Some(now);
    }
}

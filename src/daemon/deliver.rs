//! The loops that deliver: one for each channel, so that a slow one delays no other. What an answer means, the outbox
//! says; that a notice was sent is written before the next one is.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alerts::Notice;
use crate::daemon::gauges::Notifications;
use crate::daemon::renew::Renewal;
use crate::io::clock;
use crate::io::notify::{self, Alertmanager, Channel, Messenger};
use crate::io::store::{Commit, Store};
use crate::outbox::{self, Answer, Delivery, QUEUE, Queue, Record, State, Subscription};
use crate::report::{Check, Snapshot};
use crate::units::{Problem, Ratio, Span, Timestamp};

/// After a stop, what is due is still sent for so long.
const DRAIN: Duration = Duration::from_secs(5);

/// The channels that can be used, each with what it is configured as, and what is wrong with any. Where rules are written,
/// those tell of burns unless a channel asks for them.
pub fn channels(
    configured: &[notify::Config],
    rules_are_written: bool,
) -> (Vec<(Subscription, Channel)>, Vec<Problem>) {
    let (mut channels, mut problems) = (Vec::new(), Vec::new());
    for config in configured {
        let (channel, problem) = Channel::build(config);
        problems.extend(problem);
        channels.extend(channel.map(|channel| (config.subscription(rules_are_written), channel)));
    }
    (channels, problems)
}

/// The problem that some notices could not be read.
pub fn damage(unread: usize) -> Option<Problem> {
    let what = format!("{unread} notices are damaged in the ledger");
    (unread > 0).then(|| Problem::error("ledger_damaged", what, "they are not sent"))
}

/// Every channel, with what is still to be sent.
pub struct Post {
    pub record: Arc<Mutex<Record>>,
    subscriptions: Vec<Subscription>,
    counters: Vec<(Box<str>, mpsc::Sender<Delivery>)>,
    couriers: Vec<Courier>,
    renewals: Vec<Renewal>,
}

/// Where notices are handed over that were written.
#[derive(Default)]
pub struct Counter {
    record: Arc<Mutex<Record>>,
    /// Whether there is any channel.
    is_used: bool,
    subscriptions: Vec<Subscription>,
    counters: Vec<(Box<str>, mpsc::Sender<Delivery>)>,
}

impl Post {
    /// Takes up what was left to be sent; what was for a channel that is there no more is given up.
    pub async fn build(
        channels: Vec<(Subscription, Channel)>,
        left: Vec<Delivery>,
        store: Store,
        published: Arc<ArcSwap<Snapshot>>,
        gauges: Notifications,
    ) -> Post {
        let record = Arc::new(Mutex::new(Record::default()));
        let books = Books { store, record: record.clone(), gauges };
        let mut post = Post {
            record,
            subscriptions: Vec::new(),
            counters: Vec::new(),
            couriers: Vec::new(),
            renewals: Vec::new(),
        };
        for (subscription, channel) in channels {
            let name = subscription.channel.clone();
            match channel {
                Channel::Messenger(messenger) => {
                    let (counter, new) = mpsc::channel(QUEUE);
                    post.counters.push((name, counter));
                    post.couriers.push(Courier {
                        messenger,
                        channel: subscription.channel.clone(),
                        queue: Queue::default(),
                        new,
                        books: books.clone(),
                    });
                    post.subscriptions.push(subscription);
                }
                Channel::Alertmanager(Alertmanager { peers, labels }) => {
                    let renewal =
                        |peer| Renewal::new(name.clone(), peer, labels.clone(), published.clone(), books.clone());
                    post.renewals.extend(peers.into_iter().map(renewal));
                }
            }
        }
        for delivery in left {
            let courier = post.couriers.iter_mut().find(|courier| courier.channel == delivery.channel);
            match courier {
                _ if !delivery.state.is_pending() => books.note(delivery),
                Some(courier) => courier.take(delivery).await,
                None => {
                    let why = "there is no such channel any more".to_string();
                    books.write(delivery.given_up(why, clock::now())).await;
                }
            }
        }
        post
    }

    /// Where the evaluate loop hands notices over. Its end is the end of all that is to come.
    pub fn counter(&self) -> Counter {
        let (subscriptions, counters) = (self.subscriptions.clone(), self.counters.clone());
        let is_used = !(self.couriers.is_empty() && self.renewals.is_empty());
        Counter { record: self.record.clone(), is_used, subscriptions, counters }
    }

    /// Starts a loop for each channel.
    pub fn start(self, loops: &mut JoinSet<()>, stop: &CancellationToken) {
        for courier in self.couriers {
            loops.spawn(courier.run(stop.clone()));
        }
        for renewal in self.renewals {
            loops.spawn(renewal.run(stop.clone()));
        }
    }
}

impl Counter {
    /// The deliveries of these notices to all who want them.
    pub fn addressed(&self, notices: &[Notice], now: Timestamp) -> Vec<Delivery> {
        outbox::deliveries(notices, &self.subscriptions, now)
    }

    /// Passes on what was written. What a loop cannot take stays written, and is taken up at the next start.
    pub fn hand_over(&self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let Some((name, counter)) = self.counters.iter().find(|(name, _)| *name == delivery.channel) else {
                continue;
            };
            if counter.try_send(delivery).is_err() {
                tracing::error!(channel = &**name, "takes no more notices; this one waits for the next start");
            }
        }
    }

    /// Whether every notice arrives.
    pub fn check(&self) -> Check {
        match locked(&self.record).trouble() {
            Some(trouble) => Check::Degraded(trouble),
            None if self.is_used => Check::Healthy,
            None => Check::Off,
        }
    }
}

/// Where it is written how deliveries stand.
#[derive(Clone)]
pub struct Books {
    store: Store,
    record: Arc<Mutex<Record>>,
    pub gauges: Notifications,
}

impl Books {
    /// For those who look; returns what is remembered no more.
    fn noted(&self, delivery: Delivery) -> Vec<Delivery> {
        let mut record = locked(&self.record);
        let forgotten = record.note(delivery);
        self.gauges.pending.set(record.pending() as i64);
        forgotten
    }

    fn note(&self, delivery: Delivery) {
        self.noted(delivery);
    }

    /// For good, and for those who look. Where it cannot be written, the notice is sent again after the next start.
    async fn write(&self, delivery: Delivery) {
        log(&delivery);
        let forgotten = self.noted(delivery.clone());
        _ = self.store.commit(Commit { sent: vec![delivery], forgotten, ..Commit::default() }).await;
    }

    /// Remembers why an Alertmanager is not reached, or that it is.
    pub fn remark(&self, peer: String, trouble: Option<String>) {
        locked(&self.record).remark(peer, trouble);
    }
}

/// Whoever held it last has only noted something; what is there is whole.
fn locked(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends one channel its notices, one after the other.
struct Courier {
    channel: Box<str>,
    messenger: Messenger,
    queue: Queue,
    new: mpsc::Receiver<Delivery>,
    books: Books,
}

impl Courier {
    /// Delivers until it is told to stop, and then what is due, for as long as a stop may take.
    async fn run(mut self, stop: CancellationToken) {
        let mut too_late = pin!(async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        });
        let mut may_come = true;
        loop {
            let wait = self.queue.wait(clock::now());
            if stop.is_cancelled() && !may_come && wait.is_none_or(|wait| !wait.is_zero()) {
                return;
            }
            tokio::select! {
                () = &mut too_late => return,
                () = stop.cancelled(), if !stop.is_cancelled() => {}
                new = self.new.recv(), if may_come => match new {
                    Some(delivery) => self.take(delivery).await,
                    None => may_come = false,
                },
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    let Some(delivery) = self.queue.first() else { continue };
                    let answer = tokio::select! {
                        answer = self.messenger.send(&delivery.notice) => answer,
                        () = &mut too_late => return,
                    };
                    self.settle(answer).await;
                }
            }
        }
    }

    async fn take(&mut self, delivery: Delivery) {
        self.books.note(delivery.clone());
        if let Some(dropped) = self.queue.push(delivery, clock::now()) {
            self.books.gauges.sent(&self.channel, "given_up");
            self.books.write(dropped).await;
        }
    }

    async fn settle(&mut self, answer: Answer) {
        let Some(delivery) = self.queue.answered(answer, clock::now(), jitter()) else { return };
        let outcome = match delivery.state {
            State::Pending(_) => "retried",
            State::Delivered(_) => "delivered",
            State::GivenUp(_) => "given_up",
        };
        self.books.gauges.sent(&self.channel, outcome);
        self.books.write(delivery).await;
    }
}

/// Told once when it begins to fail, and at its end.
fn log(delivery: &Delivery) {
    let Delivery { channel, notice, attempts, answer, .. } = delivery;
    let (channel, id, (service, slo)) = (&**channel, &*notice.id, notice.names());
    match delivery.state {
        State::Delivered(_) => tracing::info!(channel, id, service, slo, attempts, "delivered"),
        State::GivenUp(_) => tracing::error!(channel, id, service, slo, attempts, answer, "given up: {notice}"),
        State::Pending(_) if *attempts == 1 => tracing::warn!(channel, id, service, slo, answer, "not delivered yet"),
        State::Pending(_) => tracing::debug!(channel, id, service, slo, attempts, answer, "not delivered yet"),
    }
}

async fn sleep(wait: Span) {
    tokio::time::sleep(Duration::from_millis(wait.as_millis().unsigned_abs())).await;
}

/// Chance: the keys of a hasher are.
fn jitter() -> Ratio {
    Ratio::held(RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::alerts::Kind;
    use crate::units::Labels;
    use crate::yaml::documents;

    /// A post with one webhook at `url`, and what a daemon before it left to be sent there and to a channel that is gone.
    async fn post(directory: &Path, url: &str) -> (Post, Store) {
        let (nodes, mut problems) = documents("f", &format!("[{{ name: hook, webhook: {{ url: '{url}' }} }}]"));
        let (channels, unusable) = channels(&notify::Config::read(&nodes[0], &mut problems), false);
        assert_eq!((problems, unusable), (Vec::new(), Vec::new()));
        let (store, contents) = Store::open(&directory.join("ledger.db")).unwrap();
        assert_eq!(contents.deliveries, []);
        let to = |channel: &str| Subscription {
            channel: channel.into(),
            kinds: Kind::ALL.into(),
            labels: Labels::default(),
        };
        let left = outbox::deliveries(&[Notice::sample(clock::now())], &[to("hook"), to("gone")], clock::now());
        store.commit(Commit { queued: left.clone(), ..Commit::default() }).await.unwrap();
        let gauges = Notifications::build(&prometheus::Registry::new()).unwrap();
        let post = Post::build(channels, left, store.clone(), Arc::default(), gauges).await;
        (post, store)
    }

    /// Runs its loops although they are told to stop from the beginning, and gives what the ledger then holds.
    async fn stopped(post: Post, store: Store, directory: &Path) -> Vec<(String, &'static str)> {
        let (stop, mut loops) = (CancellationToken::new(), JoinSet::new());
        stop.cancel();
        post.start(&mut loops, &stop);
        while loops.join_next().await.is_some() {}
        drop(store);
        let (_, contents) = Store::open(&directory.join("ledger.db")).unwrap();
        contents.deliveries.iter().map(|left| (left.channel.to_string(), left.state.name())).collect()
    }

    #[test]
    fn where_rules_are_written_a_channel_hears_of_burns_only_if_it_asks() {
        let text =
            "[{ name: a, webhook: { url: 'http://h' } }, { name: b, webhook: { url: 'http://h' }, only: [burn] }]";
        let (nodes, mut problems) = documents("f", text);
        let configured = notify::Config::read(&nodes[0], &mut problems);
        let hear = |rules_are_written: bool| -> Vec<bool> {
            let (channels, _) = channels(&configured, rules_are_written);
            channels.iter().map(|(subscription, _)| subscription.kinds.contains(&Kind::Burn)).collect()
        };
        assert_eq!((hear(false), hear(true)), (vec![true, true], vec![false, true]));
    }

    #[tokio::test]
    async fn what_is_due_at_a_stop_is_still_sent_and_what_has_no_channel_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (post, store) = post(directory.path(), &format!("http://{}", listener.local_addr().unwrap())).await;
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        });
        let left = stopped(post, store, directory.path()).await;
        assert_eq!(left, [("gone".into(), "given_up"), ("hook".into(), "delivered")]);
        receiver.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_not_taken_at_a_stop_stays_for_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let (post, store) = post(directory.path(), &url).await;
        let left = stopped(post, store, directory.path()).await;
        assert_eq!(left, [("gone".into(), "given_up"), ("hook".into(), "pending")]);
    }
}

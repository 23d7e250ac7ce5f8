//! The loops that deliver: one for each channel, so that a slow one delays no other. What an answer means, the outbox
//! says; that a notice was sent is written before the next one is.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::alerts::Notice;
use crate::daemon::gauges::Notifications;
use crate::daemon::loops::Loops;
use crate::daemon::renew::Renewal;
use crate::io::clock;
use crate::io::notify::{self, Alertmanager, Channel, Messenger};
use crate::io::store::{Commit, Store};
use crate::outbox::{self, Answer, Delivery, QUEUE, Queue, Record, State, Subscription};
use crate::report::{Check, Snapshot};
use crate::units::{Problem, Ratio, Span, Timestamp};

/// Why what waits for a channel is given up when that goes.
const NO_CHANNEL: &str = "there is no such channel any more";

/// After a stop, what is due is still sent for so long.
const DRAIN: Duration = Duration::from_secs(5);

/// Channels that can be used, each with what it wants to hear.
pub type Channels = Vec<(Subscription, Channel)>;

/// The channels that can be used, each with what it is configured as, and what is wrong with any. Where rules are written,
/// those tell of burns unless a channel asks for them.
pub fn channels(configured: &[notify::Config], rules_are_written: bool) -> (Channels, Vec<Problem>) {
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
    books: Books,
    published: Arc<ArcSwap<Snapshot>>,
    /// By the names of their channels.
    hired: BTreeMap<Box<str>, Hired>,
    renewing: Vec<CancellationToken>,
    next: Next,
}

/// A courier, as far as it is told anything.
struct Hired {
    counter: mpsc::WeakSender<Delivery>,
    messenger: watch::Sender<Arc<Messenger>>,
    dismissed: CancellationToken,
}

/// Who begins and who ends at the next start of loops.
#[derive(Default)]
struct Next {
    couriers: Vec<Courier>,
    renewals: Vec<Renewal>,
    leaving: Vec<CancellationToken>,
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
    /// Without any channel yet.
    pub fn build(store: Store, published: Arc<ArcSwap<Snapshot>>, gauges: Notifications) -> Post {
        let record = Arc::new(Mutex::new(Record::default()));
        let books = Books { store, record: record.clone(), gauges };
        let (hired, renewing, next) = (BTreeMap::new(), Vec::new(), Next::default());
        Post { record, books, published, hired, renewing, next }
    }

    /// Has these channels from the next [`Post::start`] on, and no others: one that stays keeps what it has to send, one
    /// that goes gives it up. Returns where the evaluate loop then hands notices over; its end is the end of all that is
    /// to come.
    pub fn employ(&mut self, channels: Channels) -> Counter {
        let mut counter = Counter { record: self.record.clone(), is_used: !channels.is_empty(), ..Counter::default() };
        self.next.leaving.append(&mut self.renewing);
        let mut former = std::mem::take(&mut self.hired);
        for (subscription, channel) in channels {
            let name = subscription.channel.clone();
            match channel {
                Channel::Messenger(messenger) => {
                    let known = former.remove(&name).and_then(|hired| Some((hired.counter.upgrade()?, hired)));
                    let (sender, hired) = match known {
                        Some((sender, hired)) => {
                            hired.messenger.send_replace(Arc::new(messenger));
                            (sender, hired)
                        }
                        None => self.hire(&name, messenger),
                    };
                    counter.counters.push((name.clone(), sender));
                    counter.subscriptions.push(subscription);
                    self.hired.insert(name, hired);
                }
                Channel::Alertmanager(Alertmanager { peers, labels }) => {
                    let (published, books) = (&self.published, &self.books);
                    let renewal =
                        |peer| Renewal::new(name.clone(), peer, labels.clone(), published.clone(), books.clone());
                    self.next.renewals.extend(peers.into_iter().map(renewal));
                }
            }
        }
        self.next.leaving.extend(former.into_values().map(|hired| hired.dismissed));
        counter
    }

    fn hire(&mut self, channel: &str, messenger: Messenger) -> (mpsc::Sender<Delivery>, Hired) {
        let (sender, new) = mpsc::channel(QUEUE);
        let (replacing, messenger) = watch::channel(Arc::new(messenger));
        let dismissed = CancellationToken::new();
        let hired = Hired { counter: sender.downgrade(), messenger: replacing, dismissed: dismissed.clone() };
        let (queue, books) = (Queue::default(), self.books.clone());
        self.next.couriers.push(Courier { channel: channel.into(), messenger, queue, new, dismissed, books });
        (sender, hired)
    }

    /// Takes up what was left to be sent; what was for a channel that is there no more is given up.
    pub async fn take(&mut self, left: Vec<Delivery>) {
        for delivery in left {
            let courier = self.next.couriers.iter_mut().find(|courier| courier.channel == delivery.channel);
            match courier {
                _ if !delivery.state.is_pending() => self.books.note(delivery),
                Some(courier) => courier.take(delivery).await,
                None => self.books.write(delivery.given_up(NO_CHANNEL.into(), clock::now())).await,
            }
        }
    }

    /// Starts a loop for each channel that is new, and ends those of channels that are there no more.
    pub fn start(&mut self, loops: &mut Loops) {
        let Next { couriers, renewals, leaving } = std::mem::take(&mut self.next);
        leaving.iter().for_each(CancellationToken::cancel);
        for courier in couriers {
            loops.start_until(courier.dismissed.clone(), courier.run(loops.stop()));
        }
        self.renewing.extend(renewals.into_iter().map(|renewal| loops.start(|told| renewal.run(told))));
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
    /// The latest: another one may take its place.
    messenger: watch::Receiver<Arc<Messenger>>,
    queue: Queue,
    new: mpsc::Receiver<Delivery>,
    /// The channel is there no more.
    dismissed: CancellationToken,
    books: Books,
}

impl Courier {
    /// Delivers until it is told to stop, and then what is due, for as long as a stop may take; or until it is dismissed.
    async fn run(mut self, stop: CancellationToken) {
        let mut too_late = pin!(async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        });
        let mut may_come = true;
        loop {
            if self.dismissed.is_cancelled() {
                return self.give_up().await;
            }
            let wait = self.queue.wait(clock::now());
            if stop.is_cancelled() && !may_come && wait.is_none_or(|wait| !wait.is_zero()) {
                return;
            }
            tokio::select! {
                () = &mut too_late => return,
                () = stop.cancelled(), if !stop.is_cancelled() => {}
                () = self.dismissed.cancelled() => {}
                new = self.new.recv(), if may_come => match new {
                    Some(delivery) => self.take(delivery).await,
                    None => may_come = false,
                },
                () = sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    let Some(delivery) = self.queue.first() else { continue };
                    let messenger = self.messenger.borrow().clone();
                    let answer = tokio::select! {
                        answer = messenger.send(&delivery.notice) => answer,
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

    /// Gives up all that it has.
    async fn give_up(&mut self) {
        while let Ok(delivery) = self.new.try_recv() {
            self.take(delivery).await;
        }
        while let Some(delivery) = self.queue.pop() {
            self.books.gauges.sent(&self.channel, "given_up");
            self.books.write(delivery.given_up(NO_CHANNEL.into(), clock::now())).await;
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
        let mut post = Post::build(store.clone(), Arc::default(), gauges);
        post.employ(channels);
        post.take(left).await;
        (post, store)
    }

    /// Runs its loops although they are told to stop from the beginning, and gives what the ledger then holds.
    async fn stopped(mut post: Post, store: Store, directory: &Path) -> Vec<(String, &'static str)> {
        let mut loops = Loops::default();
        post.start(&mut loops);
        loops.end().await.unwrap();
        drop((post, store));
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

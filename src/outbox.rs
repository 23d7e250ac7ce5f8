//! Which channels a notice goes to, the order in which each sends, and what an answer means for a notice: done, again
//! later, or never. Never knows what a notice looks like on its way; time and chance are arguments.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::alerts::{Kind, Notice};
use crate::units::{Labels, Ratio, Span, Timestamp};

/// The first time that is waited after a failure; doubled after each.
pub const FIRST_WAIT: Span = Span::seconds(1);

/// Doubling ends here.
pub const LONGEST_WAIT: Span = Span::minutes(5);

/// A notice that was not delivered for so long is given up: nobody wants to wake up to last week's news.
pub const GIVE_UP_AFTER: Span = Span::hours(24);

/// The most notices that wait for one channel; the oldest are given up before newer ones.
pub const QUEUE: usize = 10_000;

/// Finished deliveries that are remembered, so that they can be told.
pub const REMEMBERED: usize = 1_000;

/// What a channel wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub channel: Box<str>,
    pub kinds: BTreeSet<Kind>,
    /// Each of these labels with this value; `service` and `slo` are labels too.
    pub labels: Labels,
}

impl Subscription {
    pub fn wants(&self, notice: &Notice) -> bool {
        self.kinds.contains(&notice.news.kind()) && self.labels.iter().all(|(name, value)| notice.label(name) == value)
    }
}

/// A notice on its way to one channel. The ledger keeps it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub channel: Box<str>,
    pub notice: Notice,
    /// When it was committed.
    pub queued: Timestamp,
    pub state: State,
    /// How often it was sent.
    pub attempts: u32,
    /// The channel's last answer; empty before the first.
    pub answer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "at")]
pub enum State {
    /// To be sent at this moment, or as soon as those before it are done.
    Pending(Timestamp),
    Delivered(Timestamp),
    GivenUp(Timestamp),
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Pending(_) => "pending",
            State::Delivered(_) => "delivered",
            State::GivenUp(_) => "given_up",
        }
    }

    pub fn is_pending(self) -> bool {
        matches!(self, State::Pending(_))
    }
}

/// What became of sending a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    /// It may be accepted later; not before so long, where the channel said so.
    Later {
        not_before: Option<Span>,
    },
    /// It will never be accepted.
    Refused,
}

/// An outcome and the channel's own words for it, without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub outcome: Outcome,
    pub said: String,
}

impl Outcome {
    /// What an HTTP status means. Too many requests (429), a timeout (408) and what came too early (425) pass; so do a
    /// server's own faults, and a redirect that somebody will mend.
    pub fn of_status(status: u16, retry_after: Option<Span>) -> Outcome {
        match status {
            200..300 => Outcome::Accepted,
            408 | 425 | 429 => Outcome::Later { not_before: retry_after },
            400..500 => Outcome::Refused,
            _ => Outcome::Later { not_before: retry_after },
        }
    }
}

/// The deliveries of `notices` to everybody who wants them, committed at `now`.
pub fn deliveries(notices: &[Notice], subscriptions: &[Subscription], now: Timestamp) -> Vec<Delivery> {
    let to = |notice: &Notice, channel: &str| Delivery {
        channel: channel.into(),
        notice: notice.clone(),
        queued: now,
        state: State::Pending(now),
        attempts: 0,
        answer: String::new(),
    };
    let to_all = |notice| {
        let wanting = subscriptions.iter().filter(move |subscription| subscription.wants(notice));
        wanting.map(move |subscription| to(notice, &subscription.channel))
    };
    notices.iter().flat_map(to_all).collect()
}

/// What `answer` makes of a delivery. `jitter` spreads the next attempt over the later half of the wait, so that what
/// failed together does not come back together.
pub fn after(delivery: Delivery, answer: Answer, now: Timestamp, jitter: Ratio) -> Delivery {
    let deadline = delivery.queued + GIVE_UP_AFTER;
    let state = match answer.outcome {
        Outcome::Accepted => State::Delivered(now),
        Outcome::Refused => State::GivenUp(now),
        Outcome::Later { .. } if now >= deadline => State::GivenUp(now),
        Outcome::Later { not_before } => {
            let wait = wait(delivery.attempts, jitter).max(not_before.unwrap_or(Span::ZERO));
            State::Pending((now + wait).min(deadline))
        }
    };
    Delivery { state, attempts: delivery.attempts.saturating_add(1), answer: answer.said, ..delivery }
}

/// How long is waited after the failure that follows `failures` others.
fn wait(failures: u32, jitter: Ratio) -> Span {
    let doubled = FIRST_WAIT * 1_i64.checked_shl(failures.min(62)).unwrap_or(i64::MAX);
    let full = doubled.min(LONGEST_WAIT);
    let half = full / 2;
    half + Span::millis((half.as_millis() as f64 * jitter.get()) as i64)
}

/// The notices that wait for one channel, oldest first. A channel that does not take one is not sent the next: they
/// arrive in the order in which they happened.
#[derive(Debug)]
pub struct Queue {
    deliveries: VecDeque<Delivery>,
    /// How long the oldest was to wait when that was decided. Nobody waits longer for a clock that was set back.
    longest: Span,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue { deliveries: VecDeque::new(), longest: LONGEST_WAIT }
    }
}

impl Queue {
    /// Adds one at the end; returns the oldest, given up, where there were too many.
    pub fn push(&mut self, delivery: Delivery, now: Timestamp) -> Option<Delivery> {
        self.deliveries.push_back(delivery);
        let oldest = if self.deliveries.len() > QUEUE { self.deliveries.pop_front() } else { None };
        oldest.map(|oldest| oldest.given_up(format!("more than {QUEUE} wait for this channel"), now))
    }

    /// How long until there is something to send; `None` while nothing waits.
    pub fn wait(&mut self, now: Timestamp) -> Option<Span> {
        match &mut self.deliveries.front_mut()?.state {
            State::Pending(at) => {
                *at = (*at).min(now + self.longest);
                Some(at.since(now))
            }
            State::Delivered(_) | State::GivenUp(_) => Some(Span::ZERO),
        }
    }

    /// The oldest.
    pub fn first(&self) -> Option<&Delivery> {
        self.deliveries.front()
    }

    /// Takes the oldest out.
    pub fn pop(&mut self) -> Option<Delivery> {
        self.longest = LONGEST_WAIT;
        self.deliveries.pop_front()
    }

    /// Takes note of the answer to the oldest, which leaves the queue once it is done; returns what became of it.
    pub fn answered(&mut self, answer: Answer, now: Timestamp, jitter: Ratio) -> Option<Delivery> {
        let delivery = after(self.pop()?, answer, now, jitter);
        if let State::Pending(at) = delivery.state {
            self.longest = at.since(now);
            self.deliveries.push_front(delivery.clone());
        }
        Some(delivery)
    }
}

impl Delivery {
    pub fn given_up(self, why: String, now: Timestamp) -> Delivery {
        Delivery { state: State::GivenUp(now), answer: why, ..self }
    }
}

/// What is known of deliveries: all that are pending, and the last that are finished.
#[derive(Debug, Default)]
pub struct Record {
    /// In the order in which they were queued.
    deliveries: Vec<Delivery>,
    /// Why some are not reached to whom nothing is queued, by their names.
    unreached: BTreeMap<String, String>,
}

impl Record {
    /// Takes note of how a delivery stands; returns what is forgotten for it.
    pub fn note(&mut self, delivery: Delivery) -> Vec<Delivery> {
        let same = |known: &&mut Delivery| known.channel == delivery.channel && known.notice.id == delivery.notice.id;
        match self.deliveries.iter_mut().rev().find(same) {
            Some(known) => *known = delivery,
            None => self.deliveries.push(delivery),
        }
        let finished = self.deliveries.iter().filter(|delivery| !delivery.state.is_pending()).count();
        let mut too_many = finished.saturating_sub(REMEMBERED);
        let mut forgotten = Vec::new();
        if too_many > 0 {
            for delivery in std::mem::take(&mut self.deliveries) {
                if too_many > 0 && !delivery.state.is_pending() {
                    too_many -= 1;
                    forgotten.push(delivery);
                } else {
                    self.deliveries.push(delivery);
                }
            }
        }
        forgotten
    }

    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// How many are pending.
    pub fn pending(&self) -> usize {
        self.deliveries.iter().filter(|delivery| delivery.state.is_pending()).count()
    }

    /// Takes note of why somebody is not reached, or that somebody is.
    pub fn remark(&mut self, name: String, trouble: Option<String>) {
        match trouble {
            Some(trouble) => self.unreached.insert(name, trouble),
            None => self.unreached.remove(&name),
        };
    }

    /// Why something that was sent is not delivered yet.
    pub fn trouble(&self) -> Option<String> {
        let is_late = |delivery: &&Delivery| delivery.state.is_pending() && delivery.attempts > 0;
        let late = self.deliveries.iter().find(is_late).map(|late| (&*late.channel, &late.answer));
        let unreached = || self.unreached.iter().next().map(|(name, trouble)| (&**name, trouble));
        late.or_else(unreached).map(|(name, trouble)| format!("{name}: {trouble}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::alerts::News;

    fn noon() -> Timestamp {
        Timestamp::seconds(1_795_176_000)
    }

    fn delivery() -> Delivery {
        let all = Subscription { channel: "hook".into(), kinds: Kind::ALL.into(), labels: Labels::default() };
        deliveries(&[Notice::sample(noon())], &[all], noon()).remove(0)
    }

    fn numbered(number: i64) -> Delivery {
        Delivery { notice: Notice::sample(noon() + Span::seconds(number)), ..delivery() }
    }

    fn later(not_before: Option<Span>) -> Answer {
        Answer { outcome: Outcome::Later { not_before }, said: "500".into() }
    }

    fn next(delivery: &Delivery) -> Timestamp {
        match delivery.state {
            State::Pending(at) => at,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_status_means() {
        let check = |status, expected| assert_eq!(Outcome::of_status(status, None), expected, "{status}");
        [200, 202, 204].into_iter().for_each(|status| check(status, Outcome::Accepted));
        [408, 425, 429, 500, 502, 503, 302]
            .into_iter()
            .for_each(|status| check(status, Outcome::Later { not_before: None }));
        [400, 401, 403, 404, 410, 413].into_iter().for_each(|status| check(status, Outcome::Refused));
        let told = Outcome::Later { not_before: Some(Span::seconds(7)) };
        assert_eq!(Outcome::of_status(429, Some(Span::seconds(7))), told);
    }

    #[test]
    fn waits_twice_as_long_after_each_failure_up_to_five_minutes() {
        let waits = [0, 1, 2, 8, 9, 60, u32::MAX].map(|failures| wait(failures, Ratio::ALL).as_seconds());
        assert_eq!(waits, [1.0, 2.0, 4.0, 256.0, 300.0, 300.0, 300.0]);
        assert_eq!(wait(3, Ratio::NOTHING), Span::seconds(4));
    }

    #[test]
    fn a_channel_that_asks_to_be_left_alone_is() {
        let asked = after(delivery(), later(Some(Span::minutes(20))), noon(), Ratio::NOTHING);
        assert_eq!(next(&asked), noon() + Span::minutes(20));
        let hurried = after(Delivery { attempts: 20, ..delivery() }, later(Some(Span::seconds(1))), noon(), Ratio::ALL);
        assert_eq!(next(&hurried), noon() + LONGEST_WAIT);
    }

    #[test]
    fn is_tried_once_more_at_the_end_of_a_day_and_then_given_up() {
        let end = noon() + GIVE_UP_AFTER;
        let last = after(delivery(), later(Some(Span::days(30))), noon() + Span::hours(1), Ratio::ALL);
        assert_eq!(next(&last), end);
        assert_eq!(after(last, later(None), end, Ratio::ALL).state, State::GivenUp(end));
    }

    #[test]
    fn what_is_refused_is_given_up_at_once_and_what_is_accepted_is_done() {
        let answer = |outcome| after(delivery(), Answer { outcome, said: "so".into() }, noon(), Ratio::ALL);
        assert_eq!(answer(Outcome::Refused).state, State::GivenUp(noon()));
        let accepted = answer(Outcome::Accepted);
        assert_eq!((accepted.state, accepted.attempts, &*accepted.answer), (State::Delivered(noon()), 1, "so"));
    }

    #[test]
    fn a_channel_hears_the_kinds_and_labels_that_it_chose() {
        let mut notice = Notice::sample(noon());
        notice.subject.labels.insert("tier".into(), "1".into());
        let wants = |kinds: &[Kind], labels: &[(&str, &str)]| {
            let kinds = kinds.iter().copied().collect();
            Subscription { channel: "c".into(), kinds, labels: Labels::new(labels.iter().copied()) }.wants(&notice)
        };
        assert!(wants(&Kind::ALL, &[]));
        assert!(wants(&[Kind::BudgetConsumed], &[("tier", "1"), ("service", "burnwatch")]));
        assert!(!wants(&[Kind::BudgetExhausted], &[]));
        assert!(!wants(&Kind::ALL, &[("tier", "2")]));
        assert!(!wants(&Kind::ALL, &[("absent", "x")]));
    }

    #[test]
    fn a_queue_keeps_its_order_over_failures() {
        let mut queue = Queue::default();
        (0..3).for_each(|number| assert_eq!(queue.push(numbered(number), noon()), None));
        let first = queue.first().unwrap().clone();
        assert_eq!(queue.wait(noon()), Some(Span::ZERO));
        queue.answered(later(None), noon(), Ratio::ALL);
        assert_eq!(queue.first().unwrap().notice, first.notice);
        assert_eq!(queue.wait(noon()), Some(FIRST_WAIT));
        queue.answered(Answer { outcome: Outcome::Accepted, said: String::new() }, noon(), Ratio::ALL);
        assert_eq!(queue.first().unwrap().notice, numbered(1).notice);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
        let mut queue = Queue::default();
        queue.push(delivery(), noon());
        let asked = Span::minutes(20);
        queue.answered(later(Some(asked)), noon(), Ratio::ALL);
        assert_eq!(queue.wait(noon() + Span::minutes(1)), Some(Span::minutes(19)));
        let set_back = noon() - Span::hours(1);
        assert_eq!(queue.wait(set_back), Some(asked));
        assert_eq!(queue.wait(set_back + Span::minutes(5)), Some(Span::minutes(15)), "and from then on it passes");
        queue.answered(Answer { outcome: Outcome::Accepted, said: String::new() }, set_back, Ratio::ALL);
        // Written before it was set back.
        queue.push(numbered(1), set_back);
        assert_eq!(queue.wait(set_back), Some(LONGEST_WAIT));
    }

    #[test]
    fn of_too_many_the_oldest_is_given_up() {
        let mut queue = Queue::default();
        (0..QUEUE as i64).for_each(|number| assert_eq!(queue.push(numbered(number), noon()), None));
        let dropped = queue.push(numbered(QUEUE as i64), noon()).unwrap();
        assert_eq!((dropped.notice, dropped.state), (numbered(0).notice, State::GivenUp(noon())));
    }

    #[test]
    fn a_record_knows_all_that_is_pending_and_the_last_that_are_done() {
        let mut record = Record::default();
        record.note(numbered(9_999));
        record.note(Delivery { attempts: 1, answer: "refused the connection".into(), ..numbered(9_999) });
        for number in 0..REMEMBERED as i64 {
            assert_eq!(record.note(Delivery { state: State::Delivered(noon()), ..numbered(number) }), []);
        }
        let forgotten = record.note(Delivery { state: State::GivenUp(noon()), ..numbered(9_998) });
        assert_eq!(forgotten.iter().map(|old| &old.notice).collect::<Vec<_>>(), [&numbered(0).notice]);
        assert_eq!((record.deliveries().len(), record.pending()), (REMEMBERED + 1, 1));
        assert_eq!(record.trouble().as_deref(), Some("hook: refused the connection"));
    }

    #[test]
    fn a_delivery_comes_back_from_the_ledger_as_it_was() {
        let state = State::GivenUp(noon());
        let kept = Delivery { state, attempts: 3, answer: "404 Not Found".into(), ..delivery() };
        assert_eq!(serde_json::from_str::<Delivery>(&serde_json::to_string(&kept).unwrap()).unwrap(), kept);
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            1 => Just(Outcome::Accepted),
            1 => Just(Outcome::Refused),
            20 => prop::option::of(0..100_000_i64)
                .prop_map(|seconds| Outcome::Later { not_before: seconds.map(Span::seconds) }),
        ]
    }

    proptest! {
        #[test]
        fn every_delivery_ends_within_a_day_and_is_never_sent_early(
            outcomes in prop::collection::vec((outcome(), 0.0..=1.0_f64, 0..5_000_i64), 1..400),
        ) {
            let mut delivery = delivery();
            let mut now = noon();
            for (outcome, jitter, late) in outcomes {
                let State::Pending(at) = delivery.state else { break };
                prop_assert!(at <= delivery.queued + GIVE_UP_AFTER);
                now = now.max(at) + Span::millis(late);
                let attempts = delivery.attempts;
                delivery = after(delivery, Answer { outcome, said: String::new() }, now, Ratio::held(jitter));
                prop_assert_eq!(delivery.attempts, attempts + 1);
                match (outcome, delivery.state) {
                    (Outcome::Accepted, state) => prop_assert_eq!(state, State::Delivered(now)),
                    (Outcome::Refused, state) => prop_assert_eq!(state, State::GivenUp(now)),
                    (Outcome::Later { not_before }, State::Pending(next)) => {
                        let deadline = delivery.queued + GIVE_UP_AFTER;
                        let asked = not_before.unwrap_or(Span::ZERO).max(FIRST_WAIT / 2);
                        prop_assert!(next >= (now + asked).min(deadline), "{next} after {now}");
                        prop_assert!(next <= now + LONGEST_WAIT.max(asked));
                    }
                    (Outcome::Later { .. }, state) => {
                        prop_assert_eq!(state, State::GivenUp(now));
                        prop_assert!(now >= delivery.queued + GIVE_UP_AFTER);
                    }
                }
            }
        }

        #[test]
        fn jitter_moves_an_attempt_within_the_later_half_of_its_wait(failures in 0..40_u32, jitter in 0.0..=1.0_f64) {
            let full = wait(failures, Ratio::ALL);
            let spread = wait(failures, Ratio::held(jitter));
            prop_assert!(spread >= full / 2 && spread <= full);
        }
    }

    #[test]
    fn a_notice_of_exhaustion_goes_to_all_who_want_it() {
        let mut notice = Notice::sample(noon());
        notice.news = News::BudgetExhausted;
        let to = |channel: &str, kinds: &[Kind]| Subscription {
            channel: channel.into(),
            kinds: kinds.iter().copied().collect(),
            labels: Labels::default(),
        };
        let to = [to("a", &Kind::ALL), to("b", &[Kind::Burn]), to("c", &[Kind::BudgetExhausted])];
        let channels: Vec<Box<str>> =
            deliveries(&[notice], &to, noon()).into_iter().map(|delivery| delivery.channel).collect();
        assert_eq!(channels, ["a".into(), "c".into()]);
    }
}

//! Random series in a real Prometheus: what it selects is what we select, and what we count of it is what an arithmetic
//! that knows nothing of ledgers makes of the same samples. The seed is told; `SEED=...` runs another.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use burnwatch::io::prometheus::{Config, Prometheus as Client};
use burnwatch::ledger::{Answered, Ledger, Starts};
use burnwatch::plan::{Facts, Pace, Plan, Question, Series, plan};
use burnwatch::promql::{Narrowing, Selector};
use burnwatch::slos;
use burnwatch::units::{Labels, Timestamp};

use crate::stand::Prometheus;
use crate::stand::past::Dice;
use crate::stand::remote_write::{body, labels, sample};

/// The distance of two scrapes, in seconds, and how many there were.
const SCRAPE: i64 = 15;
const SCRAPES: i64 = 80;
const SERIES: usize = 150;
const SELECTORS: usize = 200;
const SLOS: usize = 40;
/// A fall by less than this share is no reset.
const STEP_BACK: f64 = 1.0 / 8.0;
/// What Prometheus writes where a series ends.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// What labels are called, and what they say: also what patterns could take for something else.
const NAMES: [&str; 4] = ["code", "path", "zone", "Zone_2"];
const VALUES: [&str; 20] = [
    "200", "500", "503", "5000", "a", "b", "ab", "A", "a.b", "axb", "é", "日本", "😀", " ", "a b", "\"", "\\",
    "/api/v1", "a|b", "-1",
];
/// In the words of a regular expression, joined at random.
const PIECES: [&str; 30] = [
    "5..", "50[03]", "a", "b", "a|b", ".*", ".+", ".", "a.b", r"a\.b", r"\d+", r"\D", r"\w", r"\W", r"\s", "[^a]",
    "[a-z]", "(?i:a)", "(a|é)", "é", "日.", "[^ -~]+", "x?", "0{2,3}", "|", "^", "$", r"\\", r"/api/.*", r"\bb",
];

/// One series as it was written: its labels, and when it had which value, in seconds since 1970.
struct Written {
    labels: BTreeMap<&'static str, String>,
    samples: Vec<(i64, f64)>,
    /// When it had a value that is a count.
    scrapes: BTreeSet<i64>,
}

struct World {
    dice: Dice,
    /// When the first scrape was, in seconds since 1970.
    begins: i64,
}

impl World {
    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.dice.below(all.len())]
    }

    /// The series of both metrics, each set of labels once: of `all_total` anything may happen, of `calm_total` there
    /// are neither gaps nor oddities.
    fn series(&mut self) -> Vec<Written> {
        let gaps: Vec<BTreeSet<i64>> = (0..3).map(|_| self.gaps()).collect();
        let mut known = BTreeSet::new();
        let mut series = Vec::new();
        while series.len() < SERIES {
            let metric = self.one_of(&["all_total", "all_total", "calm_total"]);
            let instance = self.dice.below(3);
            let mut labels = BTreeMap::from([("__name__", metric.to_string()), ("job", "shop".to_string())]);
            labels.insert("instance", format!("host-{instance}"));
            for name in NAMES {
                if self.dice.below(3) > 0 {
                    labels.insert(name, self.one_of(&VALUES).to_string());
                }
            }
            if known.insert(labels.clone()) {
                let is_calm = metric == "calm_total";
                let samples =
                    if is_calm { self.counter(&BTreeSet::new(), 0) } else { self.counter(&gaps[instance], 30) };
                let scrapes = samples.iter().filter(|(_, value)| is_count(*value)).map(|(at, _)| *at).collect();
                series.push(Written { labels, samples, scrapes });
            }
        }
        series
    }

    /// Scrapes of a target that failed, at most three in a row.
    fn gaps(&mut self) -> BTreeSet<i64> {
        let begins: Vec<i64> = (0..4).map(|_| self.dice.below(SCRAPES as usize) as i64).collect();
        begins.iter().flat_map(|scrape| *scrape..scrape + 3).filter(|scrape| scrape % 7 > 0).collect()
    }

    /// A counter that may begin late, falls now and then, and says nonsense in so many of a thousand scrapes.
    fn counter(&mut self, gaps: &BTreeSet<i64>, odd: usize) -> Vec<(i64, f64)> {
        let first = if self.dice.below(3) == 0 { self.dice.below(SCRAPES as usize) as i64 } else { 0 };
        let mut value = self.dice.below(900) as f64;
        let mut samples = Vec::new();
        for scrape in first..SCRAPES {
            match self.dice.below(40) {
                0 => value = self.dice.below(5) as f64,
                1 if odd > 0 => value = (value * 0.95).floor(),
                _ => value += self.dice.below(20) as f64,
            }
            if gaps.contains(&scrape) {
                continue;
            }
            let nonsense = [f64::NAN, f64::INFINITY, -5.0, f64::from_bits(STALE)];
            let shown = if self.dice.below(1_000) < odd { self.one_of(&nonsense) } else { value };
            samples.push((self.begins + scrape * SCRAPE, shown));
        }
        samples
    }

    fn selector(&mut self, metric: &str) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let matchers: Vec<String> = (0..self.dice.below(4))
            .map(|_| {
                let name = self.one_of(&["code", "path", "zone", "Zone_2", "instance", "absent"]);
                let values = if name == "instance" { &["host-0", "host-1"][..] } else { &VALUES };
                match self.dice.below(6) {
                    0 => format!("{name}={}", quoted(self.one_of(values))),
                    1 => format!("{name}!={}", quoted(self.one_of(values))),
                    2 => format!("{name}{}\"\"", self.one_of(&["=", "!=", "=~", "!~"])),
                    sign => {
                        let pattern: String = (0..=self.dice.below(3)).map(|_| self.one_of(&PIECES)).collect();
                        format!("{name}{}{}", if sign < 5 { "=~" } else { "!~" }, quoted(&pattern))
                    }
                }
            })
            .collect();
        format!("{metric}{{{}}}", matchers.join(","))
    }
}

fn is_count(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

#[tokio::test]
async fn what_prometheus_selects_and_holds_is_what_is_selected_and_counted_here() {
    let seed = env::var("SEED").map_or(20_261_121, |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    // On the grid of ticks.
    let begins = (now - (SCRAPES + 1) * SCRAPE) / 60 * 60;
    let mut world = World { dice: Dice(seed), begins };
    let series = world.series();
    let prometheus = Prometheus::scraping_every(SCRAPE as u64);
    prometheus.remember(&body(series.iter().map(|written| {
        let pairs: Vec<(&str, &str)> = written.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        written.samples.iter().fold(labels(&pairs), |series, (at, value)| series.message(2, sample(at * 1_000, *value)))
    })));
    let mut config = Config::default();
    config.http.url = prometheus.url();
    let source = Source { client: Client::build(&config).unwrap(), series, ends: begins + (SCRAPES - 1) * SCRAPE };
    source.check_selection(&mut world).await;
    source.check_counts(&mut world).await;
    source.check_increases(&prometheus, &mut world);
}

/// What was written, and who asks the server for it.
struct Source {
    client: Client,
    series: Vec<Written>,
    ends: i64,
}

impl Source {
    /// What `query` finds at a moment, in seconds.
    async fn found(&self, query: &str, at: i64) -> Vec<Series> {
        let answer = self.client.samples(query, Timestamp::seconds(at)).await;
        answer.unwrap_or_else(|error| panic!("{query}: {error}")).value
    }

    /// The series that we select; `None` where a pattern could mean something else to Prometheus.
    fn selected(&self, selector: &Selector) -> Option<Vec<&Written>> {
        let narrowing = Narrowing::new(selector.matchers())?;
        let of_metric = |written: &&Written| written.labels["__name__"] == selector.metric();
        let admitted = |written: &&Written| {
            narrowing.admits(&Labels::new(written.labels.iter().map(|(name, value)| (*name, value.as_str()))))
        };
        Some(self.series.iter().filter(of_metric).filter(admitted).collect())
    }

    /// Selects alike, reads every sample as it was written, and understands what we make of a selector as we do.
    async fn check_selection(&self, world: &mut World) {
        let (mut compared, mut selected) = (0, 0);
        for _ in 0..SELECTORS {
            let text = world.selector("all_total");
            let Ok(selector) = Selector::parse(&text) else {
                assert!(
                    self.client.samples(&format!("{text}[1h]"), Timestamp::seconds(self.ends)).await.is_err(),
                    "{text}"
                );
                continue;
            };
            let theirs = told(&self.found(&format!("{text}[1h]"), self.ends).await);
            assert_eq!(told(&self.found(&format!("{selector}[1h]"), self.ends).await), theirs, "{text} is {selector}");
            let Some(ours) = self.selected(&selector) else { continue };
            let ours: BTreeMap<String, String> =
                ours.into_iter().map(Written::told).filter(|(_, samples)| samples != "[]").collect();
            assert_eq!(ours, theirs, "{text}");
            (compared, selected) = (compared + 1, selected + usize::from(!ours.is_empty()));
        }
        assert!(compared > SELECTORS / 2 && selected > SELECTORS / 5, "{compared} compared, {selected} not empty");
    }

    /// Counted in ticks of any length, every SLO comes to what its samples add up to.
    async fn check_counts(&self, world: &mut World) {
        let (plan, selectors) = declared(world);
        let mut ledger = Ledger::default();
        ledger.adopt(None, &plan, Timestamp::seconds(0));
        let begins = world.begins + 120;
        let mut now = begins;
        while now <= self.ends {
            let mut answered = Vec::new();
            for (query, asked) in plan.queries.iter().enumerate() {
                let Question::Raw { ask, reading, .. } = &asked.question else { panic!("{asked:?}") };
                let until = Timestamp::seconds(now);
                let range = plan.range(*reading, ledger.watermark(query).unwrap_or(until), until);
                answered.push(Answered {
                    query,
                    until,
                    answers: vec![self.found(&format!("{ask}[{range}]"), now).await],
                });
            }
            ledger.book(&plan, &answered, &Starts::new(), Timestamp::seconds(now));
            now += 30 * (1 + world.dice.below(8) as i64);
        }
        let watermark = ledger.watermark(0).unwrap().as_millis() / 1_000;
        let mut counted = 0.0;
        for (slo, sides) in selectors.iter().enumerate() {
            let account = &ledger.accounts[ledger.book_of(&plan, slo).account];
            for (side, selector) in account.sides.iter().zip(sides) {
                let expected = self.added_up(&plan, slo, selector, begins, watermark);
                assert_eq!(side.total as f64 / 1_024.0, expected, "{selector} of slo {slo}");
                counted += expected;
            }
        }
        assert!(counted > 10_000.0, "{counted} are too few to prove anything");
    }

    /// What the series of a selector gained after `from` up to `to`.
    fn added_up(&self, plan: &Plan, slo: usize, selector: &Selector, from: i64, to: i64) -> f64 {
        // A wider selector may be read for it, and what that finds proves who is newborn.
        let carries = |asked: &Selector| asked.extra(selector).is_some();
        let read = plan.queries.iter().filter(|query| query.routes.iter().any(|route| route.slo == slo));
        let read = read.filter_map(|query| match &query.question {
            Question::Raw { selector, .. } => Some(selector).filter(|asked| carries(asked)),
            Question::Points { .. } | Question::Own { .. } => None,
        });
        let siblings = self.selected(read.min_by_key(|asked| asked.matchers().len()).unwrap()).unwrap();
        self.selected(selector).unwrap().into_iter().map(|written| written.gained(&siblings, from, to)).sum()
    }

    /// Where samples stand on both edges of a range and nothing but resets happens, `increase` is exact.
    fn check_increases(&self, prometheus: &Prometheus, world: &mut World) {
        let (from, to) = (world.begins + 20 * SCRAPE, self.ends - 20 * SCRAPE);
        let whole = |written: &&Written| written.samples[0].0 <= from && !written.falls_a_little();
        let calm = self.series.iter().filter(|written| written.labels["__name__"] == "calm_total");
        let mut compared = 0;
        for written in calm.filter(whole) {
            let matchers = NAMES.iter().chain(&["instance"]).map(|name| {
                let value = written.labels.get(name).map_or("", String::as_str);
                format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
            });
            let selector = format!("calm_total{{{}}}", matchers.collect::<Vec<_>>().join(","));
            let increase = prometheus.number_at(&format!("increase({selector}[{}s])", to - from), to);
            assert_eq!(increase, Some(written.gained(&[], from, to)), "{selector}");
            compared += 1;
        }
        assert!(compared > 10, "{compared} are too few to prove anything");
    }
}

/// SLOs of random selectors, and the two selectors of each.
fn declared(world: &mut World) -> (Plan, Vec<[Selector; 2]>) {
    let (mut text, mut selectors) = ("service: shop\nslos:\n".to_string(), Vec::new());
    while selectors.len() < SLOS {
        let [bad, total] = [0, 1].map(|_| Selector::parse(&world.selector("all_total")));
        let (Ok(bad), Ok(total)) = (bad, total) else { continue };
        if [&bad, &total].iter().any(|selector| Narrowing::new(selector.matchers()).is_none()) {
            continue;
        }
        let quoted = |selector: &Selector| serde_json::to_string(&selector.to_string()).unwrap();
        let (name, bad_text, total_text) = (selectors.len(), quoted(&bad), quoted(&total));
        text += &format!("  - {{ name: s{name}, objective: 99%, sli: {{ bad: {bad_text}, total: {total_text} }} }}\n");
        selectors.push([total, bad]);
    }
    let (slos, problems) = slos::read("f", &text);
    assert_eq!(slos.len(), SLOS, "{problems:?}");
    (plan(slos.into_iter().map(Arc::new).collect(), &Facts::default(), Pace::DEFAULT).0, selectors)
}

impl Written {
    fn sound(&self) -> impl Iterator<Item = (i64, f64)> {
        self.samples.iter().copied().filter(|(_, value)| is_count(*value))
    }

    /// What was counted of it after `from` up to `to`: what it gained, a reset from zero, and the first value of all
    /// where one of `siblings` on its target was scraped then and the time before.
    fn gained(&self, siblings: &[&Written], from: i64, to: i64) -> f64 {
        let (mut last, mut gained) = (None, 0.0);
        for (at, value) in self.sound().take_while(|(at, _)| *at <= to) {
            let more = match last {
                None if self.is_newborn(siblings, at) => value,
                None => 0.0,
                Some(last) if value >= last => value - last,
                Some(last) if last - value < last * STEP_BACK => continue,
                Some(_) => value,
            };
            gained += if at > from { more } else { 0.0 };
            last = Some(value);
        }
        gained
    }

    fn is_newborn(&self, siblings: &[&Written], at: i64) -> bool {
        let on_its_target = |other: &&&Written| other.labels["instance"] == self.labels["instance"];
        let others: Vec<&BTreeSet<i64>> = siblings.iter().filter(on_its_target).map(|other| &other.scrapes).collect();
        let before = others.iter().filter_map(|scrapes| scrapes.range(..at).next_back()).max();
        before.is_some_and(|before| others.iter().any(|scrapes| scrapes.contains(before) && scrapes.contains(&at)))
    }

    fn falls_a_little(&self) -> bool {
        let values: Vec<f64> = self.sound().map(|(_, value)| value).collect();
        values.windows(2).any(|pair| pair[1] < pair[0] && pair[0] - pair[1] < pair[0] * STEP_BACK)
    }

    /// Its labels and its samples as Prometheus tells them: without the marks of its end.
    fn told(&self) -> (String, String) {
        let others = self.labels.iter().filter(|(name, _)| **name != "__name__");
        let labels = Labels::new(others.map(|(name, value)| (*name, value.as_str())));
        let there = self.samples.iter().filter(|(_, value)| value.to_bits() != STALE);
        (labels.to_string(), format!("{:?}", there.map(|(at, value)| (at * 1_000, *value)).collect::<Vec<_>>()))
    }
}

fn told(found: &[Series]) -> BTreeMap<String, String> {
    let one = |series: &Series| {
        let samples = series.samples.iter().map(|sample| (sample.at.as_millis(), sample.value));
        (series.labels.to_string(), format!("{:?}", samples.collect::<Vec<_>>()))
    };
    found.iter().map(one).collect()
}

//! Which questions answer for which SLOs: equal selectors are asked once, a narrower one rides on a wider.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::budget::{Rows, rows};
use crate::energy::Limit;
use crate::plan::bounds::{bounds_pattern, missing_bound};
use crate::plan::distribution::{Distribution, distributions};
use crate::plan::metering::{Metered, Metering, metered};
use crate::plan::query::{Part, Query, Question, Reading, Route};
use crate::promql::{Matcher, Narrowing, Op, Selector, names};
use crate::slos::{Counted, Sli, Slo};
use crate::units::{Problem, Span, Timestamp};

/// What of the configuration a tick needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// The distance of two ticks.
    pub every: Span,
    /// The shortest window of an alert.
    pub shortest_window: Span,
    /// How often targets are scraped.
    pub scrape_interval: Span,
    /// Unmeasured for so long, an SLO has no data.
    pub no_data_after: Span,
    /// How long the ledger is kept.
    pub keep: Span,
    /// The most series one query may read.
    pub max_series: usize,
    /// Whether the samples are those that the daemon scrapes: then nothing is there from before its start, nobody
    /// evaluates expressions, and every pattern has to be matched here.
    pub is_scraping: bool,
    /// How often histograms are read whole, for the quantiles of latencies; `None`: never.
    pub latency_quantiles: Option<Span>,
    pub metering: Metering,
    /// Above what power somebody is told; `None`: none.
    pub power_limit: Option<Limit>,
}

impl Pace {
    /// What holds where a configuration says nothing.
    pub const DEFAULT: Pace = Pace {
        every: Span::seconds(30),
        shortest_window: Span::minutes(5),
        scrape_interval: Span::seconds(30),
        no_data_after: Span::minutes(5),
        keep: Span::days(400),
        max_series: 100_000,
        is_scraping: false,
        latency_quantiles: Some(Span::minutes(5)),
        metering: Metering::NOTHING,
        power_limit: None,
    };

    /// How long a total may have no sample before its time counts as unmeasured: five minutes, or what is said.
    fn silence(&self) -> Span {
        Span::minutes(5).min(self.no_data_after).max(self.scrape_interval * 2)
    }

    /// No rate is taken over less: it needs a few samples.
    pub fn shortest_rate(&self) -> Span {
        self.scrape_interval * 4
    }

    /// How far before its last answer a query reads again: late samples are found, and a newborn series is told from
    /// one that was there before.
    pub fn lookback(&self) -> Span {
        Span::minutes(2).max(self.scrape_interval * 3)
    }

    /// No alert looks at a shorter window.
    pub fn floor(&self) -> Span {
        self.shortest_window.max(self.shortest_rate())
    }
}

/// What the source was found to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The texts of `le`, by selector of buckets in normal form, none of histograms that are native only.
    pub bounds: HashMap<String, Vec<String>>,
    /// How many series a selector has, by its normal form.
    pub series: HashMap<String, usize>,
    /// The selectors of histograms, in normal form, of which there are native ones.
    pub natives: HashSet<String>,
    /// Selectors of which the source would not answer for so much as one tick: no narrower one rides on them.
    pub refused: HashSet<Selector>,
}

impl Facts {
    /// These facts with newer ones laid over them.
    pub fn extend(&mut self, newer: Facts) {
        let Facts { bounds, series, natives, refused } = newer;
        // What is told of a histogram's buckets is all there is to know of them: it may be native no longer.
        self.natives.retain(|histogram| !bounds.contains_key(&classic(histogram)));
        self.bounds.extend(bounds);
        self.series.extend(series);
        self.natives.extend(natives);
        self.refused.extend(refused);
    }

    /// Forgets what is known of other selectors than these, in normal form.
    pub fn retain(&mut self, selectors: &HashSet<String>) {
        self.bounds.retain(|buckets, _| selectors.contains(buckets));
        self.series.retain(|selector, _| selectors.contains(selector));
        self.natives.retain(|histogram| selectors.contains(histogram));
    }

    /// Whether no bucket of any kind was found of a histogram: its service may not have begun.
    pub fn lack_buckets(&self) -> bool {
        let natives: HashSet<String> = self.natives.iter().map(|histogram| classic(histogram)).collect();
        self.bounds.iter().any(|(buckets, texts)| texts.is_empty() && !natives.contains(buckets))
    }

    /// Whether a histogram has to be read as a native one: it is, and has no classic bucket at the threshold.
    fn is_native(&self, histogram: &Selector, under: f64) -> bool {
        let is_bound = |texts: &Vec<String>| texts.iter().any(|text| text.parse() == Ok(under));
        self.natives.contains(&histogram.to_string())
            && !self.bounds.get(&buckets(histogram).to_string()).is_some_and(is_bound)
    }
}

/// One SLO with what follows from it: its alert rows, and whether its questions could be put at all.
#[derive(Debug)]
pub struct Planned {
    pub slo: Arc<Slo>,
    pub rows: Rows,
    /// How long its total may have no sample before its time counts as unmeasured.
    pub silence: Span,
    /// Unmeasured for so long, it has no data.
    pub no_data_after: Span,
}

/// What is asked, and for whom.
#[derive(Debug)]
pub struct Plan {
    pub slos: Vec<Planned>,
    pub queries: Vec<Query>,
    /// The histograms that are read whole.
    pub distributions: Vec<Distribution>,
    /// The services whose energy is measured.
    pub metered: Vec<Metered>,
    pub pace: Pace,
    /// The longest window of any SLO.
    pub longest: Span,
}

impl Plan {
    /// All selectors of which the source may hold something, in normal form: those that are asked, histograms, and their
    /// buckets.
    pub fn selectors(&self) -> HashSet<String> {
        let asked = self.queries.iter().filter_map(|query| match &query.question {
            Question::Raw { selector, .. } => Some(selector.to_string()),
            Question::Points { .. } | Question::Own { .. } => None,
        });
        let histograms = self.slos.iter().filter_map(|planned| planned.slo.sli.histogram());
        asked.chain(histograms.flat_map(|histogram| [histogram.to_string(), buckets(histogram).to_string()])).collect()
    }

    /// How far back of `until` a query for raw samples is asked, having been answered for `watermark`.
    pub fn range(&self, reading: Reading, watermark: Timestamp, until: Timestamp) -> Span {
        let lookback = match reading {
            Reading::Counters | Reading::Buckets | Reading::Native => self.pace.lookback(),
            Reading::Slices { every } => self.pace.lookback().max(every),
        };
        until.since(watermark) + lookback
    }
}

/// Joins the SLOs' questions to as few as possible. Problems: bounds that the source does not have, selectors with too
/// many series (those are not asked).
pub fn plan(slos: Vec<Arc<Slo>>, facts: &Facts, pace: Pace) -> (Plan, Vec<Problem>) {
    let mut problems: Vec<Problem> = slos.iter().filter_map(|slo| remark(slo, facts, &pace)).collect();
    let mut wants: Vec<Want> = slos.iter().enumerate().flat_map(|(index, slo)| wants(index, slo, facts)).collect();
    wants.retain(|want| match too_many(want, &slos, facts, &pace).or_else(|| unmatchable(want, &slos, &pace)) {
        Some(problem) => {
            problems.push(problem);
            false
        }
        None => true,
    });
    let distributions = distributions(&wants, &slos, &pace);
    let joined = joined(wants, &facts.refused).into_iter();
    let mut queries: Vec<Query> = joined.map(|(root, wants)| query(root, wants, facts)).collect();
    let (of_source, own) = point_queries(&slos, &pace).into_iter().partition::<Vec<_>, _>(|query| !query.is_own());
    queries.extend(of_source);
    // Last, for the answers of a source are counted off against the queries before.
    queries.extend(own);
    let metered = metered(&pace.metering, &slos, &mut problems);
    let floor = pace.floor();
    let longest = slos.iter().map(|slo| slo.window.span()).max().unwrap_or(Span::ZERO);
    let planned = |slo: Arc<Slo>| Planned {
        rows: rows(slo.window, slo.objective, floor),
        silence: pace.silence().max(every(&slo.sli, &pace)),
        no_data_after: pace.no_data_after.max(every(&slo.sli, &pace) * 2),
        slo,
    };
    let slos = slos.into_iter().map(planned).collect();
    (Plan { slos, queries, distributions, metered, pace, longest }, problems)
}

/// One SLO's wish to read one selector.
#[derive(Debug, Clone)]
pub struct Want {
    pub slo: usize,
    pub selector: Selector,
    pub reading: Reading,
    pub part: Part,
}

/// The selectors that an SLO wants read, sample by sample.
fn wants(index: usize, slo: &Slo, facts: &Facts) -> Vec<Want> {
    let want = |selector: &Selector, reading, part| Want { slo: index, selector: selector.clone(), reading, part };
    match &slo.sli {
        Sli::Events(of) => {
            let [(_, first), (_, second)] = of.sides();
            vec![want(first, Reading::Counters, Part::First), want(second, Reading::Counters, Part::Second)]
        }
        Sli::Latency { histogram, under, .. } => {
            let part = Part::Cut { under: *under };
            vec![match facts.is_native(histogram, *under) {
                true => want(histogram, Reading::Native, part),
                false => want(&buckets(histogram), Reading::Buckets, part),
            }]
        }
        Sli::Up { gauge, every } => vec![want(gauge, Reading::Slices { every: *every }, Part::Slices)],
        Sli::Expressions { .. } | Sli::Value { .. } | Sli::Own { .. } => Vec::new(),
    }
}

/// The expressions that an SLO wants evaluated, or the reading that it wants judged, and what their values are to it.
fn points(slo: &Slo, pace: &Pace) -> Option<(Question, Part)> {
    match &slo.sli {
        Sli::Own { value, bound, every } => Narrowing::new(value.matchers())
            .map(|_| (Question::Own { reading: value.clone(), every: *every }, Part::Within(*bound))),
        _ if pace.is_scraping => None,
        Sli::Expressions { of, .. } => {
            let every = every(&slo.sli, pace);
            let asks = of.sides().map(|(_, side)| side.with_window(every)).to_vec();
            let sum = matches!(of, Counted::GoodAndBad { .. });
            Some((Question::Points { asks, every }, Part::Both { sum }))
        }
        Sli::Value { value, bound, every } => {
            Some((Question::Points { asks: vec![value.with_window(*every)], every: *every }, Part::Within(*bound)))
        }
        Sli::Events(_) | Sli::Latency { .. } | Sli::Up { .. } => None,
    }
}

/// Equal questions are put once.
fn point_queries(slos: &[Arc<Slo>], pace: &Pace) -> Vec<Query> {
    let mut queries: BTreeMap<String, Query> = BTreeMap::new();
    for (index, slo) in slos.iter().enumerate() {
        let Some((question, part)) = points(slo, pace) else { continue };
        let query = Query { question, routes: Vec::new() };
        let routes = &mut queries.entry(query.key()).or_insert(query).routes;
        routes.push(Route { slo: index, series: Narrowing::all(), part });
    }
    queries.into_values().collect()
}

/// What an SLO should know of how it is counted, or that it is not.
fn remark(slo: &Slo, facts: &Facts, pace: &Pace) -> Option<Problem> {
    let problem = match &slo.sli {
        Sli::Own { value, .. } if Narrowing::new(value.matchers()).is_none() => {
            let what = format!("{value} has a pattern that only a Prometheus can match as it means it");
            Problem::error("needs_prometheus", what, "write it without classes such as \\pL or [[:alpha:]]")
        }
        Sli::Expressions { .. } | Sli::Value { .. } if pace.is_scraping => {
            let what = "an expression needs a Prometheus to evaluate it, and source.scrape only reads targets";
            let remedy = "count plain selectors instead, or set source.prometheus in place of source.scrape";
            Problem::error("needs_prometheus", what, remedy)
        }
        Sli::Expressions { every, .. } if *every < pace.shortest_rate() => {
            let least = pace.shortest_rate();
            let what = format!("every {every} is under four scrape intervals ({least}), too short for a rate");
            Problem::warning("every", what, format!("it is counted every {least}; write that, or a larger one"))
        }
        Sli::Latency { histogram, under, .. } if facts.is_native(histogram, *under) => {
            let what = format!("{histogram} is a native histogram: what is at or under {under} is interpolated");
            Problem::note("interpolated", what, "")
        }
        Sli::Latency { .. } => return missing_bound(slo, facts),
        Sli::Events(_) | Sli::Expressions { .. } | Sli::Up { .. } | Sli::Value { .. } | Sli::Own { .. } => return None,
    };
    Some(problem.at(&slo.place).about(&slo.id))
}

/// The buckets of a histogram.
pub fn buckets(histogram: &Selector) -> Selector {
    histogram.with_metric(&names::bucket(histogram.metric()))
}

/// The classic buckets of a histogram, both in normal form.
fn classic(histogram: &str) -> String {
    Selector::parse(histogram).map(|histogram| buckets(&histogram).to_string()).unwrap_or_default()
}

/// The histogram whose buckets a selector selects.
pub fn histogram(buckets: &Selector) -> Option<Selector> {
    Some(buckets.with_metric(buckets.metric().strip_suffix(names::BUCKET_SUFFIX)?))
}

fn too_many(want: &Want, slos: &[Arc<Slo>], facts: &Facts, pace: &Pace) -> Option<Problem> {
    let count = *facts.series.get(&want.selector.to_string())?;
    let slo = &slos[want.slo];
    (count > pace.max_series).then(|| {
        let what = format!("{} has {count} series, more than max_series allows ({})", want.selector, pace.max_series);
        let remedy = match pace.is_scraping {
            true => "narrow the selector",
            false => "narrow the selector, or raise source.prometheus.max_series",
        };
        Problem::error("too_many_series", what, remedy).at(&slo.place).about(&slo.id)
    })
}

/// The problem of a selector that cannot be matched without a Prometheus, where there is none.
fn unmatchable(want: &Want, slos: &[Arc<Slo>], pace: &Pace) -> Option<Problem> {
    let slo = &slos[want.slo];
    (pace.is_scraping && Narrowing::new(want.selector.matchers()).is_none()).then(|| {
        let what = format!("{} has a pattern that only a Prometheus can match as it means it", want.selector);
        let remedy = "write it without classes such as \\pL or [[:alpha:]], and shorter if it is very long";
        Problem::error("needs_prometheus", what, remedy).at(&slo.place).about(&slo.id)
    })
}

/// The wants under the widest selector among them that covers each. A narrower one is joined only where what it adds
/// can be matched here as the source would, and where the wider is not `refused`.
pub fn joined(mut wants: Vec<Want>, refused: &HashSet<Selector>) -> Vec<(Want, Vec<(Want, Narrowing)>)> {
    wants.sort_by(|a, b| {
        let width = |want: &Want| want.selector.matchers().len();
        width(a).cmp(&width(b)).then_with(|| a.selector.cmp(&b.selector)).then_with(|| a.slo.cmp(&b.slo))
    });
    let mut roots: Vec<(Want, Vec<(Want, Narrowing)>)> = Vec::new();
    // Roots by reading, metric and one of their matchers: a root that covers a want shares them all.
    let mut index: HashMap<(Reading, Box<str>, Option<Matcher>), Vec<usize>> = HashMap::new();
    // SLOs narrow in the same few ways, and a pattern takes long to prepare.
    let mut prepared: HashMap<Vec<Matcher>, Option<Narrowing>> = HashMap::new();
    let mut narrowing = |wide: &Want, narrow: &Want| {
        if wide.selector != narrow.selector && refused.contains(&wide.selector) {
            return None;
        }
        let extra = wide.selector.extra(&narrow.selector)?;
        prepared.entry(extra).or_insert_with_key(|extra| Narrowing::new(extra)).clone()
    };
    for want in wants {
        let handle = |matcher: Option<&Matcher>| (want.reading, want.selector.metric().into(), matcher.cloned());
        let handles = want.selector.matchers().iter().map(Some).chain([None]).map(handle);
        let candidates = handles.filter_map(|handle| index.get(&handle)).flatten();
        let found = candidates
            .filter_map(|root| Some((*root, narrowing(&roots[*root].0, &want)?)))
            .min_by_key(|(root, _)| *root);
        match found {
            Some((root, narrowing)) => roots[root].1.push((want, narrowing)),
            None => {
                index.entry(handle(want.selector.matchers().last())).or_default().push(roots.len());
                let all = narrowing(&want, &want);
                roots.push((want.clone(), all.map(|all| (want, all)).into_iter().collect()));
            }
        }
    }
    roots
}

fn query(root: Want, wants: Vec<(Want, Narrowing)>, facts: &Facts) -> Query {
    let Want { selector, reading, .. } = root;
    let routes = wants.into_iter().map(|(want, series)| Route { slo: want.slo, series, part: want.part }).collect();
    let ask = selector.to_string();
    let mut query = Query { question: Question::Raw { selector: selector.clone(), reading, ask }, routes };
    if reading == Reading::Buckets {
        let texts = facts.bounds.get(&selector.to_string()).map_or(&[][..], Vec::as_slice);
        let needed = Matcher::new(names::BOUND_LABEL, Op::Match, bounds_pattern(query.thresholds(), texts));
        let ask = selector.and(needed).to_string();
        query.question = Question::Raw { selector, reading, ask };
    }
    query
}

/// The slices that an SLI is judged in, long enough for a rate; nothing where single samples are counted.
fn every(sli: &Sli, pace: &Pace) -> Span {
    match sli {
        Sli::Events(_) | Sli::Latency { .. } => Span::ZERO,
        Sli::Expressions { every, .. } => (*every).max(pace.shortest_rate()),
        Sli::Up { every, .. } | Sli::Value { every, .. } | Sli::Own { every, .. } => *every,
    }
}

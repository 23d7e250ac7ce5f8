//! The SLO metrics in the text format of Prometheus. What is not known is absent, never 0 and never NaN.

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::budget::{Exhaustion, Severity};
use crate::ledger::Odd;
use crate::promql::names;
use crate::report::Check;
use crate::tick::{Standing, Word};
use crate::units::Timestamp;

/// All families, encoded. `rules` says how the rule files are that the daemon writes.
pub fn text(standings: &[Standing], odd: &Odd, rules: &Check, as_of: Timestamp) -> String {
    let mut families = families(standings);
    families.push(bad_samples(odd));
    families.extend(rules_healthy(rules));
    let help = "The instant that was evaluated last, in seconds since 1970.";
    families.push(single(names::TICK_LAST, help, MetricType::GAUGE, as_of.as_seconds()));
    families.retain(|family| !family.get_metric().is_empty());
    // Encoding fails only for families without a name or without series, and there are none.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn families(standings: &[Standing]) -> Vec<MetricFamily> {
    let slos = Slos(standings);
    vec![
        slos.spread(names::SLO_INFO, "Always 1; its labels say what the SLO is.", |of| vec![info(of)]),
        slos.gauge(names::SLO_OBJECTIVE, "The share of events that must be good.", |of| Some(of.slo.objective.ratio())),
        slos.gauge(names::SLO_WINDOW, "How far back the objective looks.", |of| {
            Some(of.slo.window.span().as_seconds())
        }),
        slos.counter(names::SLO_EVENTS, "Events counted since the SLO was first counted.", |of| {
            Some(of.since_opened?.total())
        }),
        slos.counter(names::SLO_BAD_EVENTS, "Bad events counted since the SLO was first counted.", |of| {
            Some(of.since_opened?.bad())
        }),
        slos.gauge(names::SLO_SLI, "The share of events over the window that were good.", |of| Some(of.sli()?.get())),
        slos.gauge(names::SLO_COVERAGE, "The share of the window that was measured.", |of| Some(of.coverage.get())),
        slos.gauge(
            names::SLO_BUDGET_REMAINING,
            "The share of the window's error budget that is left, negative when overspent.",
            Standing::remaining,
        ),
        slos.spread(
            names::SLO_BURN_RATE,
            "How many times faster than allowed the error budget is spent: 1 spends all of it over the SLO's window.",
            burns,
        ),
        slos.gauge(
            names::SLO_TIME_TO_EXHAUSTION,
            "When the error budget runs out at the pace of the last hour: +Inf never, 0 when it has.",
            time_to_exhaustion,
        ),
        slos.spread(names::SLO_STATE, "1 for the state the SLO is in, 0 for every other.", states),
        slos.gauge(names::SLO_LAST_MEASURED, "Up to when the SLO was measured, in seconds since 1970.", |of| {
            Some(of.last_measured?.as_seconds())
        }),
        slos.spread(
            names::SLO_LATENCY,
            "Within how many seconds so many percent of the last hour's observations lay, spread evenly within a bucket; \
             those above the highest finite bound of a bucket count as if they were at it.",
            latencies,
        ),
        slos.spread(names::ALERT_ACTIVE, "1 while the burn-rate alert is active, also while it is held.", alerts),
    ]
}

/// A value, and the labels it has beside those of its SLO.
type Series = (Vec<(&'static str, String)>, f64);

fn info(of: &Standing) -> Series {
    let slo = &of.slo;
    let labels = [
        ("objective", slo.objective.to_string()),
        ("window", slo.window.to_string()),
        ("kind", slo.sli.kind().to_string()),
    ];
    (labels.into(), 1.0)
}

fn burns(of: &Standing) -> Vec<Series> {
    let known = of.burns.iter().filter_map(|(window, burn)| Some((window, (*burn)?)));
    known.map(|(window, burn)| (vec![("window", window.to_string())], burn.get())).collect()
}

fn latencies(of: &Standing) -> Vec<Series> {
    let known = of.latency.iter().flat_map(|latency| &latency.percentiles);
    known.map(|(percentile, seconds)| (vec![("percentile", percentile.to_string())], *seconds)).collect()
}

fn time_to_exhaustion(of: &Standing) -> Option<f64> {
    match of.exhaustion {
        Exhaustion::In(span) => Some(span.as_seconds()),
        Exhaustion::Never => Some(f64::INFINITY),
        Exhaustion::Now => Some(0.0),
        Exhaustion::Unknown => None,
    }
}

fn states(of: &Standing) -> Vec<Series> {
    let is = |word: Word| f64::from(u8::from(of.state == word));
    Word::ALL.map(|word| (vec![("state", word.name().to_string())], is(word))).into()
}

fn alerts(of: &Standing) -> Vec<Series> {
    let active = |severity| f64::from(u8::from(of.alerts.active(severity).is_some()));
    Severity::ALL.map(|severity| (vec![("severity", severity.name().to_string())], active(severity))).into()
}

fn bad_samples(odd: &Odd) -> MetricFamily {
    let help = "Samples of the source that were ignored since the start, by reason.";
    let metric =
        |(reason, count): (&&str, &u64)| metric(vec![pair("reason", reason)], MetricType::COUNTER, *count as f64);
    family(names::BAD_SAMPLES, help, MetricType::COUNTER, odd.iter().map(metric).collect())
}

fn rules_healthy(check: &Check) -> Option<MetricFamily> {
    let value = match check {
        Check::Healthy => 1.0,
        Check::Degraded(_) => 0.0,
        Check::Off => return None,
    };
    let help = "Whether the rule files are written and, where it can be asked, Prometheus runs them without an error.";
    Some(single(names::RULES_HEALTHY, help, MetricType::GAUGE, value))
}

/// A family of one series without labels.
pub fn single(name: &str, help: &str, kind: MetricType, value: f64) -> MetricFamily {
    family(name, help, kind, vec![metric(Vec::new(), kind, value)])
}

struct Slos<'a>(&'a [Standing]);

impl Slos<'_> {
    fn gauge(&self, name: &str, help: &str, value: impl Fn(&Standing) -> Option<f64>) -> MetricFamily {
        self.spread(name, help, |of| value(of).map(|value| (Vec::new(), value)).into_iter().collect())
    }

    fn counter(&self, name: &str, help: &str, value: impl Fn(&Standing) -> Option<f64>) -> MetricFamily {
        let series = |of: &Standing| Some(metric(labels(of), MetricType::COUNTER, value(of)?));
        family(name, help, MetricType::COUNTER, self.0.iter().filter_map(series).collect())
    }

    /// A gauge of which each SLO has several series.
    fn spread(&self, name: &str, help: &str, series: impl Fn(&Standing) -> Vec<Series>) -> MetricFamily {
        let of_slo = |of: &Standing| {
            let own = labels(of);
            let labelled = move |(beside, value): Series| {
                let beside = beside.iter().map(|(name, value)| pair(name, value));
                metric(own.iter().cloned().chain(beside).collect(), MetricType::GAUGE, value)
            };
            series(of).into_iter().map(labelled).collect::<Vec<_>>()
        };
        family(name, help, MetricType::GAUGE, self.0.iter().flat_map(of_slo).collect())
    }
}

/// The labels of every series of an SLO.
fn labels(of: &Standing) -> Vec<LabelPair> {
    of.slo.id.labels().into_iter().chain(of.slo.labels.iter()).map(|(name, value)| pair(name, value)).collect()
}

/// A label.
pub fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_string());
    pair.set_value(value.to_string());
    pair
}

/// A series.
pub fn metric(labels: Vec<LabelPair>, kind: MetricType, value: f64) -> Metric {
    let mut metric = Metric::from_label(labels);
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

/// A family of series.
pub fn family(name: &str, help: &str, kind: MetricType, series: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_string());
    family.set_help(help.to_string());
    family.set_field_type(kind);
    family.set_metric(series);
    family
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    /// The series of one metric, without its comments.
    fn series(name: &str) -> Vec<String> {
        let of = |line: &&str| line.split(['{', ' ']).next() == Some(name);
        example::snapshot().metrics.lines().filter(of).map(str::to_string).collect()
    }

    #[test]
    fn a_series_carries_its_slo_and_the_labels_of_it() {
        let labels = r#"service="checkout",slo="availability",tier="1""#;
        assert_eq!(
            series(names::SLO_INFO)[0],
            format!(r#"burnwatch_slo_info{{{labels},objective="99.9%",window="30d",kind="events"}} 1"#)
        );
        assert_eq!(series(names::SLO_EVENTS)[0], format!("burnwatch_slo_events_total{{{labels}}} 430177423"));
        assert_eq!(series(names::SLO_BAD_EVENTS)[0], format!("burnwatch_slo_bad_events_total{{{labels}}} 212046"));
        assert_eq!(series(names::SLO_BURN_RATE)[1], format!(r#"burnwatch_slo_burn_rate{{{labels},window="30m"}} 0.1"#));
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let known = [names::SLO_INFO, names::SLO_OBJECTIVE, names::SLO_WINDOW, names::SLO_COVERAGE];
        known.iter().for_each(|name| assert_eq!(series(name).len(), 3, "{name}"));
        let counted = [names::SLO_EVENTS, names::SLO_SLI, names::SLO_BUDGET_REMAINING, names::SLO_LAST_MEASURED];
        counted.iter().for_each(|name| assert_eq!(series(name).len(), 2, "{name}"));
        assert!(!example::snapshot().metrics.contains("NaN"));
    }

    #[test]
    fn a_budget_that_is_never_exhausted_lasts_for_ever_and_an_exhausted_one_no_longer() {
        let mut standing = example::snapshot().standings.remove(0);
        let mut check = |exhaustion, expected: Option<f64>| {
            standing.exhaustion = exhaustion;
            assert_eq!(time_to_exhaustion(&standing), expected);
        };
        check(Exhaustion::Never, Some(f64::INFINITY));
        check(Exhaustion::Now, Some(0.0));
        check(Exhaustion::Unknown, None);
    }

    #[test]
    fn latencies_are_seconds_by_percentile() {
        let mut standing = example::snapshot().standings.remove(1);
        assert_eq!(latencies(&standing), []);
        standing.latency = Some(example::latency());
        let text = text(&[standing], &Odd::new(), &Check::Off, example::noon());
        let told: Vec<&str> = text.lines().filter(|line| line.starts_with(names::SLO_LATENCY)).collect();
        assert_eq!(told.len(), 5);
        assert_eq!(told[3], r#"burnwatch_slo_latency_seconds{service="checkout",slo="latency",percentile="99"} 0.143"#);
    }

    #[test]
    fn exactly_one_state_is_1() {
        let states = series(names::SLO_STATE);
        assert_eq!(states.len(), 3 * Word::ALL.len());
        let true_ones: Vec<&String> = states.iter().filter(|state| state.ends_with(" 1")).collect();
        assert_eq!(true_ones.len(), 3);
        assert!(true_ones[2].contains(r#"service="search",slo="availability",state="burning""#), "{true_ones:?}");
    }

    #[test]
    fn a_suppressed_alert_is_not_active() {
        let mut standing = example::snapshot().standings.remove(2);
        let active = |standing: &Standing| alerts(standing).iter().map(|(_, value)| *value).collect::<Vec<_>>();
        assert_eq!(active(&standing), [1.0, 0.0]);
        standing.alerts.ticket =
            standing.alerts.page.clone().map(|page| crate::alerts::Alert { suppressed: true, ..page });
        assert_eq!(active(&standing), [1.0, 0.0]);
    }

    #[test]
    fn every_family_says_what_it_is_once_and_none_is_empty() {
        let text = example::snapshot().metrics;
        let comments = |kind: &str| -> Vec<String> {
            let name = |line: &str| line.strip_prefix(kind)?.split(' ').next().map(str::to_string);
            text.lines().filter_map(name).collect()
        };
        let (helps, types) = (comments("# HELP "), comments("# TYPE "));
        assert_eq!(helps, types);
        assert_eq!(helps.len(), 15);
        helps.iter().for_each(|name| assert!(!series(name).is_empty(), "{name}"));
        assert!(text.contains("burnwatch_tick_last_timestamp_seconds 1795176000\n"));
        assert!(text.contains("burnwatch_bad_samples_total{reason=\"step_back\"} 2\n"));
    }

    #[test]
    fn rules_are_healthy_or_not_and_absent_where_none_are_written_or_nothing_is_known_yet() {
        let told = |check: Check| {
            let text = text(&[], &Odd::new(), &check, example::noon());
            text.lines().filter(|line| line.starts_with(names::RULES_HEALTHY)).map(str::to_string).collect::<String>()
        };
        assert_eq!(told(Check::Healthy), "burnwatch_rules_healthy 1");
        assert_eq!(told(Check::Degraded("not loaded".into())), "burnwatch_rules_healthy 0");
        assert_eq!(told(Check::Off), "");
    }
}

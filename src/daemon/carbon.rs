//! What a kilowatt hour costs here: as the configuration says, or as the source says every few minutes.
//! Never knows who spends it.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::daemon::config::{Config, Source};
use crate::energy::{Country, Embodied, Footprint, Intensity};
use crate::io::clock;
use crate::io::prometheus::Prometheus;
use crate::promql::Expression;
use crate::slos;
use crate::units::{Grams, Problem, Span};
use crate::yaml::{Fields, Node, Number};

/// What a kilowatt hour costs changes slowly: grids are metered by the quarter of an hour, most by the five minutes.
const ASKED: Duration = Duration::from_secs(5 * 60);

/// How soon it is asked again where nothing came.
const MISSED: Duration = Duration::from_secs(30);

/// What expressions tell is of the zone that they name themselves.
const QUERIED: &str = "queried";

/// How energy becomes grams, as it is configured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Carbon {
    /// Without an intensity where that is asked for, or nobody knows it.
    pub footprint: Footprint,
    /// Grams a kilowatt hour, to be asked of the source.
    pub expression: Option<Expression>,
}

impl Carbon {
    pub fn read(node: &Node, problems: &mut Vec<Problem>) -> Carbon {
        let mut carbon = Carbon::default();
        let Some(mut fields) = Fields::of(node, "carbon", problems) else { return carbon };
        let told = ["country", "grams_per_kwh", "expression"].into_iter().filter(|key| fields.has(key)).count();
        if told > 1 {
            let what = "what a kilowatt hour costs is said in several ways";
            let remedy = "keep one of country, grams_per_kwh and expression";
            fields.problems.push(Problem::error("carbon", what, remedy).at(&node.place));
        }
        let country = fields.take("country").and_then(|node| of_country(node, fields.problems));
        let declared = fields.read("grams_per_kwh").and_then(|Number(grams)| declared(grams));
        carbon.footprint.intensity = country.or(declared);
        carbon.expression =
            fields.take("expression").and_then(|node| slos::expression(node, "expression", fields.problems));
        if let Some(node) = fields.take("pue") {
            carbon.footprint.pue = pue(node, fields.problems).unwrap_or(carbon.footprint.pue);
        }
        carbon.footprint.embodied = fields.take("embodied").and_then(|node| embodied(node, fields.problems));
        fields.done();
        carbon
    }
}

fn of_country(node: &Node, problems: &mut Vec<Problem>) -> Option<Intensity> {
    let (country, grams) = Country::of(node.text().unwrap_or_default())
        .map_err(|error| problems.push(Problem::error("country", error.to_string(), error.remedy()).at(&node.place)))
        .ok()?;
    Some(Intensity { per_kwh: Grams::new(grams)?, zone: country.code.into(), kind: "average" })
}

fn declared(grams: f64) -> Option<Intensity> {
    Some(Intensity { per_kwh: Grams::new(grams)?, zone: String::new(), kind: "declared" })
}

fn pue(node: &Node, problems: &mut Vec<Problem>) -> Option<f64> {
    let Number(pue) = node.read("pue", problems)?;
    if pue < 1.0 {
        let what = format!("pue {pue} is below 1: a building takes at least what is in it");
        problems.push(Problem::error("pue", what, "write one such as 1.2").at(&node.place));
    }
    Some(pue)
}

fn embodied(node: &Node, problems: &mut Vec<Problem>) -> Option<Embodied> {
    let mut fields = Fields::of(node, "\"embodied\"", problems)?;
    let kilograms = fields.require("kg").read("kg").map(|Number(kilograms)| kilograms);
    let years = fields.require("years").read("years").map(|Number(years)| years);
    if years == Some(0.0) {
        let what = "a host that lasts 0 years is worth nothing";
        fields.problems.push(Problem::error("years", what, "write one such as 4").at(&node.place));
    }
    fields.done();
    let lifetime = Span::millis((Span::days(365).as_millis() as f64 * years?) as i64);
    Some(Embodied { made: Grams::new(kilograms? * 1_000.0)?, lifetime })
}

/// How energy becomes grams now, and why it does not.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub footprint: Footprint,
    pub problem: Option<Problem>,
}

/// The loop that asks what a kilowatt hour costs.
pub struct Asking {
    prometheus: Prometheus,
    expression: String,
    known: watch::Sender<Known>,
}

/// How energy becomes grams, and the loop that keeps that current where it has to be asked for.
pub fn build(config: &Config) -> anyhow::Result<(watch::Receiver<Known>, Option<Asking>)> {
    let Carbon { footprint, expression } = &config.carbon;
    let (known, current) = watch::channel(Known { footprint: footprint.clone(), problem: None });
    let asking = match (expression, &config.source) {
        (None, _) => None,
        (Some(expression), Source::Prometheus(prometheus)) => {
            let prometheus = Prometheus::build(prometheus).context("source.prometheus")?;
            Some(Asking { prometheus, expression: expression.to_string(), known })
        }
        (Some(_), Source::Scrape(_)) => {
            let what = "carbon.expression needs a Prometheus to evaluate it, and source.scrape only reads targets";
            let remedy = "write grams_per_kwh or country in place of it";
            known.send_modify(|known| known.problem = Some(Problem::error("needs_prometheus", what, remedy)));
            None
        }
    };
    Ok((current, asking))
}

impl Asking {
    /// Asks until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let wait = tokio::select! {
                () = self.ask() => if self.known.borrow().problem.is_none() { ASKED } else { MISSED },
                () = stop.cancelled() => return,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// What nobody tells is not known: an old figure would be told as if it were today's.
    async fn ask(&self) {
        let (per_kwh, problem) = match self.prometheus.vector(&self.expression, clock::now()).await {
            Ok(series) => {
                let values: Vec<f64> = series.iter().map(|(_, value)| *value).collect();
                let per_kwh = grams(&values);
                (per_kwh, per_kwh.is_none().then(|| no_number(&values)))
            }
            Err(error) => (None, Some(error.problem())),
        };
        self.known.send_modify(|known| {
            let queried = |per_kwh| Intensity { per_kwh, zone: String::new(), kind: QUERIED };
            known.footprint.intensity = per_kwh.map(queried);
            known.problem = problem;
        });
    }
}

/// The one value that is wanted.
fn grams(values: &[f64]) -> Option<Grams> {
    if let [value] = values { Grams::new(*value) } else { None }
}

fn no_number(values: &[f64]) -> Problem {
    let what = format!("carbon.expression gives {values:?}, and one number of grams is wanted");
    Problem::warning("intensity", what, "until it does, no grams are told")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::io::prometheus;
    use crate::yaml::documents;

    fn read(text: &str) -> (Carbon, Vec<String>) {
        let (nodes, mut problems) = documents("f", text);
        let carbon = Carbon::read(&nodes[0], &mut problems);
        (carbon, problems.iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).1, [expected]);
    }

    #[test]
    fn a_country_a_number_or_an_expression_tells_what_a_kilowatt_hour_costs() {
        let (carbon, problems) = read("{ country: SWE, pue: 1.2, embodied: { kg: 1000, years: 4 } }");
        assert_eq!(problems, [""; 0]);
        let embodied = Embodied { made: Grams::new(1e6).unwrap(), lifetime: Span::days(4 * 365) };
        assert_eq!((carbon.footprint.pue, carbon.footprint.embodied), (1.2, Some(embodied)));
        let intensity = carbon.footprint.intensity.unwrap();
        assert_eq!((intensity.per_kwh.get(), &*intensity.zone, intensity.kind), (40.695, "SWE", "average"));
        let (carbon, _) = read("grams_per_kwh: 45");
        assert_eq!(carbon.footprint.intensity.map(|intensity| intensity.per_kwh), Grams::new(45.0));
        let (carbon, problems) = read("expression: 'max(grid_intensity{zone=\"SE\"})'");
        assert_eq!((carbon.footprint, problems), (Footprint::default(), Vec::new()));
        assert_eq!(carbon.expression.unwrap().to_string(), "max(grid_intensity{zone=\"SE\"})");
    }

    #[test]
    fn says_what_is_wrong() {
        let near = "SSD (South Sudan), SWE (Sweden), SWZ (Eswatini)";
        check("country: SWD", &format!("f:1:10: country \"SWD\" is not known; write one such as {near}"));
        check(
            "{ country: SWE, grams_per_kwh: 5 }",
            "f:1:1: what a kilowatt hour costs is said in several ways; keep one of country, grams_per_kwh and expression",
        );
        check("pue: 0.9", "f:1:6: pue 0.9 is below 1: a building takes at least what is in it; write one such as 1.2");
        check("embodied: { kg: 5 }", "f:1:11: \"embodied\" wants \"years\"; add `years: ...`");
        check(
            "embodied: { kg: 5, years: 0 }",
            "f:1:11: a host that lasts 0 years is worth nothing; write one such as 4",
        );
        check("contry: SWE", "f:1:1: \"contry\" is not a key of carbon; write \"country\"");
    }

    #[test]
    fn one_number_of_grams_is_wanted() {
        assert_eq!(grams(&[45.0]), Grams::new(45.0));
        for values in [&[][..], &[1.0, 2.0], &[-1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert_eq!(grams(values), None, "{values:?}");
        }
    }

    /// A source that answers each question in turn with one of these.
    async fn source(results: &'static [&'static str]) -> Prometheus {
        // Only the first one stays; another test may have been quicker.
        _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = prometheus::Config::default();
        config.http.url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for result in results {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !String::from_utf8_lossy(&request).contains("query=") {
                    let mut piece = [0; 4_096];
                    let length = stream.read(&mut piece).await.unwrap();
                    request.extend_from_slice(&piece[..length]);
                }
                let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{result}]}}}}"#);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            }
        });
        Prometheus::build(&config).unwrap()
    }

    #[tokio::test]
    async fn what_the_source_tells_holds_until_it_tells_nothing() {
        let prometheus = source(&[r#"{"metric":{},"value":[1,"45"]}"#, ""]).await;
        let (known, current) = watch::channel(Known::default());
        let asking = Asking { prometheus, expression: "max(grid)".into(), known };
        let told = || current.borrow().footprint.intensity.clone().map(|intensity| intensity.per_kwh.get());
        asking.ask().await;
        assert_eq!((told(), &current.borrow().problem), (Some(45.0), &None));
        asking.ask().await;
        assert_eq!((told(), current.borrow().problem.as_ref().map(|problem| problem.code)), (None, Some("intensity")));
        // And nobody listens any more.
        asking.ask().await;
        assert_eq!(told(), None);
        assert!(current.borrow().problem.is_some());
    }
}

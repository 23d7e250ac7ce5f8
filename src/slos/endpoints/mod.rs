//! A table of endpoints, in the words of a performance target sheet: each of its cells is one SLO.

mod cell;
mod endpoint;
mod http;

use crate::slos::Slo;
use crate::slos::blame::{are_sound, tell_about};
use crate::slos::endpoints::cell::Cell;
use crate::slos::endpoints::endpoint::Endpoint;
use crate::slos::endpoints::http::Http;
use crate::slos::name::Name;
use crate::slos::settings::Settings;
use crate::units::{About, Problem, SloId};
use crate::yaml::{Entry, Fields, Node};

/// The SLOs of the table whose rows are `endpoints`, measured by what `http` names.
pub fn slos(
    http: Option<&Node>,
    endpoints: Option<&Node>,
    service: Option<&Name>,
    defaults: &Settings,
    problems: &mut Vec<Problem>,
) -> Vec<Slo> {
    let rows = endpoints.map(|node| rows(node, service, defaults, problems)).unwrap_or_default();
    let before = problems.len();
    let cells: Vec<&Cell> = rows.iter().flat_map(|row| &row.cells).collect();
    let http = http.and_then(|node| Http::read(node, &cells, problems));
    let is_sound = are_sound(&problems[before..]);
    let Some(http) = http else { return Vec::new() };
    rows.iter().flat_map(|row| row.slos(&http, problems)).filter(|_| is_sound).collect()
}

fn rows<'n>(node: &'n Node, service: Option<&Name>, defaults: &Settings, problems: &mut Vec<Problem>) -> Vec<Row<'n>> {
    let Some(mut fields) = Fields::of(node, "\"endpoints\"", problems) else { return Vec::new() };
    let entries = fields.family("GET /path", |_| true);
    fields.done();
    entries.into_iter().filter_map(|(_, entry)| row(entry, service, defaults, problems)).collect()
}

/// One endpoint and what is asked of it.
struct Row<'n> {
    endpoint: Endpoint<'n>,
    settings: Settings,
    cells: Vec<Cell<'n>>,
    /// Whether all but the cells is well said.
    is_sound: bool,
}

fn row<'n>(
    entry: &'n Entry,
    service: Option<&Name>,
    defaults: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<Row<'n>> {
    let before = problems.len();
    let endpoint = Endpoint::read(&entry.key, problems);
    let mut fields = Fields::of(&entry.value, "an endpoint", problems)?;
    let name = match fields.has("name") {
        true => fields.read("name").map(|name: Name| name.as_str().to_string()),
        false => endpoint.as_ref().map(Endpoint::name),
    };
    let settings = defaults.overlaid(&mut fields);
    let targets = cell::targets(&mut fields);
    fields.done();
    if targets.is_empty() && are_sound(&problems[before..]) {
        let what = format!("nothing is asked of {}", entry.key.text().unwrap_or("this endpoint"));
        let remedy = "add a target, such as p95: 200ms or errors: 0.1%";
        problems.push(Problem::error("no_cell", what, remedy).at(&entry.key.place));
    }
    let is_sound = are_sound(&problems[before..]);
    let id = |cell: &str| Some(SloId::new(service?.as_str(), format!("{}-{cell}", name.as_ref()?)));
    let cells = targets.into_iter().filter_map(|target| Cell::read(target, id(target.key), problems)).collect();
    Some(Row { endpoint: endpoint?, settings, cells, is_sound })
}

impl Row<'_> {
    fn slos(&self, http: &Http, problems: &mut Vec<Problem>) -> Vec<Slo> {
        let slo = |cell: &Cell| {
            let before = problems.len();
            let sli = http.sli(&self.endpoint, cell, problems);
            tell_about(&mut problems[before..], &About::Slo(cell.id.clone()));
            let (place, description) = (cell.target.place.clone(), cell.description(self.endpoint.text));
            Some(self.settings.clone().slo(cell.id.clone(), place, description, cell.objective, sli?))
        };
        self.cells.iter().filter_map(slo).filter(|_| self.is_sound).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::slos::{read, unique};
    use crate::units::{About, SloId};

    const HTTP: &str = r#"duration: 'd_seconds{job="a"}', requests: 'r{job="a"}', bad: 'code=~"5.."'"#;

    /// The SLOs of a table, as `name objective fingerprint`, and what is wrong with it.
    fn told(http: &str, rows: &str) -> Vec<String> {
        let rows = rows.replace('\n', "\n  ");
        let (slos, mut problems) = read("f", &format!("service: s\nhttp: {{ {http} }}\nendpoints:\n  {rows}\n"));
        let (slos, repeated) = unique(slos);
        problems.extend(repeated);
        let slos = slos.iter().map(|slo| format!("{} {} {}", slo.id.slo, slo.objective, slo.sli.fingerprint()));
        slos.chain(problems.iter().map(ToString::to_string)).collect()
    }

    fn check(rows: &str, expected: &[&str]) {
        assert_eq!(told(HTTP, rows), expected, "{rows}");
    }

    fn check_http(http: &str, expected: &[&str]) {
        assert_eq!(told(http, "GET /a: { p95: 1s, errors: 1% }"), expected, "{http}");
    }

    #[test]
    fn makes_an_slo_of_each_cell() {
        check(
            "POST /agents/plan{mode=\"cot\"}: { p95: 2s, p99.9: 0.5, errors: 0.01% }",
            &[
                r#"post-agents-plan-cot-p95 95% latency histogram=d_seconds{job="a",method="POST",mode="cot",path="/agents/plan"} under=2"#,
                r#"post-agents-plan-cot-p99.9 99.9% latency histogram=d_seconds{job="a",method="POST",mode="cot",path="/agents/plan"} under=0.5"#,
                r#"post-agents-plan-cot-errors 99.99% events bad=r{code=~"5..",job="a",method="POST",mode="cot",path="/agents/plan"} total=r{job="a",method="POST",mode="cot",path="/agents/plan"}"#,
            ],
        );
        check(
            "/users/{id}: { name: users, p50: 5ms }",
            &[r#"users-p50 50% latency histogram=d_seconds{job="a",path="/users/{id}"} under=0.005"#],
        );
    }

    #[test]
    fn takes_what_measures_it_from_http() {
        check_http(
            r#"duration: d, unit: ms, bad: 'code="500"', labels: { method: verb, path: uri }"#,
            &[
                r#"get-a-p95 95% latency histogram=d{uri="/a",verb="GET"} under=1000"#,
                r#"get-a-errors 99% events bad=d_count{code="500",uri="/a",verb="GET"} total=d_count{uri="/a",verb="GET"}"#,
            ],
        );
    }

    #[test]
    fn wants_of_http_what_the_cells_need() {
        let wanted = |key: &str| format!(r#"f:2:7: "http" wants "{key}"; add `{key}: ...`"#);
        check_http("requests: r", &[&wanted("bad"), &wanted("duration")]);
        check_http("duration: d_seconds", &[&wanted("bad")]);
        let errors = "GET /a: { errors: 1% }";
        assert_eq!(told("bad: 'code=\"500\"'", errors), [wanted("duration")]);
        assert_eq!(told("bad: 'code=\"500\"', requests: r", errors).len(), 1);
        assert_eq!(told("duration: d_seconds", "GET /a: { p95: 1s }").len(), 1);
    }

    #[test]
    fn says_once_what_is_wrong_with_http() {
        check_http(
            "duration: d_seconds, bad: 'code=~5..'",
            &[r#"f:2:42: "bad": the value "5.." is not in quotes; write "5..""#],
        );
        check_http(
            "duration: d_seconds, bad: {code=~\"5..\"}",
            &["f:2:35: this selector was read as a YAML mapping; put it in single quotes"],
        );
        check_http(
            "duration: d_seconds, bad: '{}'",
            &[r#"f:2:35: "bad" matches every request; say which are, such as code=~"5..""#],
        );
        check_http(
            "duration: d_seconds_bucket, bad: 'a=\"b\"', labels: { method: 1x, pth: p }",
            &[
                "f:2:9: d_seconds_bucket is only the buckets of the histogram; write d_seconds",
                r#"f:2:69: label "1x" is no label name; use letters, digits and _, and begin with no digit"#,
                r#"f:2:73: "pth" is not a key of "labels"; write "path""#,
            ],
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_row() {
        check(
            "GET /a: { p95: fast, erors: 1% }\nhealth: { p95: 1 }\nGET /b: {}\nGET /c:\nGET /d: { p999: 1s, errors: 1 }",
            &[
                r#"f:4:18: threshold "fast" is neither a number nor a duration nor a size; write a duration such as 200ms, or a number in the metric's own unit"#,
                r#"f:4:24: "erors" is not a key of an endpoint; write "errors""#,
                r#"f:5:3: "health" is not a method and a path; write GET /path, or /path for all methods, with matchers behind it as in /path{mode="fast"}"#,
                "f:6:3: nothing is asked of GET /b; add a target, such as p95: 200ms or errors: 0.1%",
                r#"f:7:3: "GET /c" is empty; give it a value or remove it"#,
                r#"f:8:13: "p999" is no percentile between p0 and p100; write p99.9"#,
                r#"f:8:31: error rate "1" is not a percentage; write a percentage such as 0.1%"#,
            ],
        );
        let long = format!("GET /{}: {{ p95: 1s }}", "x".repeat(60));
        let name = format!("get-{}-p95", "x".repeat(60));
        let problem =
            format!(r#"f:4:72: the name "{name}" is longer than 63 letters; give the endpoint a short "name""#);
        check(&long, &[&problem]);
    }

    #[test]
    fn knows_two_cells_with_one_name() {
        assert_eq!(
            told(HTTP, "GET /a/b: { p95: 1s }\nGET /a-b: { p95: 1s }")[1..],
            ["f:5:15: s/get-a-b-p95 is declared twice, first at f:4:15; give one another name, or remove it"],
        );
    }

    #[test]
    fn keeps_the_good_cells_beside_a_bad_one() {
        let rows = "GET /a: { p95: 1, p99: 1s }\n  GET /b: { p95: x }\n  GET /c: { p95: 1, nme: b }";
        let (slos, problems) = read("f", &format!("service: s\nhttp: {{ duration: d }}\nendpoints:\n  {rows}\n"));
        assert_eq!(slos.iter().map(|slo| slo.id.to_string()).collect::<Vec<_>>(), ["s/get-a-p95"]);
        assert_eq!(slos[0].place.to_string(), "f:4:13");
        let about: Vec<&About> = problems.iter().map(|problem| &problem.about).collect();
        let cell = |name: &str| About::Slo(SloId::new("s", name));
        assert_eq!(about, [&cell("get-a-p99"), &cell("get-b-p95"), &About::Service("s".into())]);
        let unit = "threshold 1s is a time, and the histogram's name tells no unit";
        assert_eq!(problems[0].what, unit);
    }

    #[test]
    fn lets_an_endpoint_say_otherwise_than_its_file() {
        let text = format!(
            "service: s\nwindow: 7d\nhttp: {{ {HTTP} }}\nendpoints:\n  \
             GET /a: {{ p95: 1s }}\n  GET /b: {{ p95: 1s, window: 1d }}\nslos: []\n"
        );
        let (slos, problems) = read("f", &text);
        assert_eq!(problems, []);
        let told: Vec<String> = slos.iter().map(|slo| format!("{} over {}", slo.description, slo.window)).collect();
        assert_eq!(told, ["GET /a answers under 1s over 7d", "GET /b answers under 1s over 1d"]);
    }
}

//! Targets that expose their metrics as text, and those that misbehave in every way a program and a network can.

mod texts;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use burnwatch::io::http::{self, Credentials};
use burnwatch::io::scrape::{Error, Scrape, Scraper, Target, Wanted};
use burnwatch::units::{Labels, Span};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::prometheus_source::fake::Fake;
use crate::stand::Prometheus;

/// Far more than any scrape here may take.
const PATIENCE: Duration = Duration::from_secs(20);
const MEBIBYTE: usize = 1 << 20;
const OPENMETRICS: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];

fn at(url: &str) -> Target {
    let labels = Labels::new([("job", "checkout"), ("instance", "here")]);
    Target { http: http::Config::new(format!("{url}/metrics")), params: Vec::new(), labels }
}

async fn scrape(target: &Target) -> Result<Scrape, Error> {
    Scraper::build(target)?.scrape(&Wanted::all()).await
}

/// What is said of a target that answers so.
async fn told<R: IntoResponse + Send>(answer: impl Fn() -> R + Clone + Send + Sync + 'static) -> String {
    let fake = Fake::answering(answer).await;
    let error = scrape(&at(&fake.url)).await.unwrap_err();
    error.to_string().replace(&fake.url, "URL")
}

/// What is said of a target that sends these bytes and closes the connection.
async fn told_of_bytes(bytes: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(bytes.as_bytes()).await.unwrap();
    });
    let error = scrape(&at(&url)).await.unwrap_err();
    error.to_string().replace(&url, "URL")
}

/// A whole number of lines that say nothing, `size` bytes of them.
fn comments(size: usize) -> String {
    "# a comment....\n".repeat(size / 16)
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn asks_once_for_the_languages_it_reads_and_says_how_long_it_waits() {
    let fake = Fake::answering(|| (OPENMETRICS, "# TYPE a counter\na_total 3\na_created 10\n# EOF\n")).await;
    let mut target = at(&fake.url);
    target.http.timeout = Span::millis(2_500);
    let Scrape { exposed, flaw } = scrape(&target).await.unwrap();
    let [a] = &exposed[..] else { panic!("{exposed:?}") };
    assert_eq!(a.labels.to_string(), r#"{__name__="a_total",instance="here",job="checkout"}"#);
    assert_eq!((a.value, a.created.map(|created| created.as_seconds())), (3.0, Some(10.0)));
    assert!(flaw.is_none(), "{flaw:?}");
    let [asked] = &fake.asked()[..] else { panic!("asked more than once") };
    assert_eq!((asked.method.as_str(), asked.uri.path()), ("GET", "/metrics"));
    assert_eq!(asked.headers["X-Prometheus-Scrape-Timeout-Seconds"], "2.5");
    assert_eq!(asked.headers[header::ACCEPT_ENCODING], "gzip");
    let languages = asked.headers[header::ACCEPT].to_str().unwrap();
    assert!(languages.starts_with("application/openmetrics-text;version=1.0.0;"), "{languages}");
    assert!(languages.contains("text/plain;version=0.0.4"), "{languages}");
}

#[tokio::test]
async fn a_page_is_asked_for_as_it_is_written_with_what_it_wants_to_know_of_us() {
    let fake = Fake::answering(|| "up_here 1\n").await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "open sesame").unwrap();
    let mut target = at(&fake.url);
    target.http.url = format!("{}/app/metrics/", fake.url);
    target.http.credentials = Credentials::Bearer { token_file: token.path().to_path_buf() };
    scrape(&target).await.unwrap();
    assert_eq!(fake.asked()[0].uri.path(), "/app/metrics/", "a page is not the same without its slash");
    assert_eq!(fake.asked()[0].headers[header::AUTHORIZATION], "Bearer open sesame");
}

#[tokio::test]
async fn a_real_program_is_read_whole() {
    let prometheus = Prometheus::scraping_every(1);
    let Scrape { exposed, flaw, .. } = scrape(&at(&prometheus.url())).await.unwrap();
    assert!(flaw.is_none(), "{flaw:?}");
    let kin = |labels: &Labels| Labels::new(labels.iter().filter(|(name, _)| !["__name__", "le"].contains(name)));
    let values: HashMap<_, _> =
        exposed.iter().map(|series| ((series.labels.get("__name__"), kin(&series.labels)), series.value)).collect();
    let all: Vec<_> = exposed.iter().filter(|series| series.labels.get("le") == "+Inf").collect();
    assert!(!all.is_empty(), "it has histograms");
    for series in all {
        let count = series.labels.get("__name__").replace("_bucket", "_count");
        assert_eq!(values.get(&(count.as_str(), kin(&series.labels))), Some(&series.value), "{}", series.labels);
    }
    assert!(exposed.iter().any(|series| series.labels.get("__name__") == "go_gc_duration_seconds"));
}

#[tokio::test]
async fn text_is_read_compressed_or_not() {
    for compressed in [false, true] {
        let answer = move || match compressed {
            true => ([(header::CONTENT_ENCODING, "gzip")], gzip(b"x 1\ny 2\n")).into_response(),
            false => "x 1\ny 2\n".into_response(),
        };
        let fake = Fake::answering(answer).await;
        assert_eq!(scrape(&at(&fake.url)).await.unwrap().exposed.len(), 2);
    }
}

#[tokio::test]
async fn a_series_that_stands_twice_is_told_and_the_others_count() {
    let fake = Fake::answering(|| "x 1\nx 2\ny 3\n").await;
    let Scrape { exposed, flaw, .. } = scrape(&at(&fake.url)).await.unwrap();
    assert_eq!(exposed.iter().map(|series| series.value).collect::<Vec<_>>(), [1.0, 3.0]);
    let flaw = flaw.unwrap().problem().to_string().replace(&fake.url, "URL");
    assert_eq!(
        flaw,
        "URL/metrics exposes a series twice: line 2 repeats the series of line 1: \
         {__name__=\"x\",instance=\"here\",job=\"checkout\"}; only the first counts; give each series labels of its own"
    );
}

#[tokio::test]
async fn a_malformed_body_is_none_and_its_error_says_where() {
    let refused = "what URL/metrics exposes is refused:";
    let malformed = told(|| "x 1\ny{code=500} 2\nz 3\n").await;
    assert_eq!(malformed, format!("{refused} line 2 wants a value in double quotes at column 8: y{{code=500}} 2"));
    assert_eq!(told(|| b"x 1\ny\xff 2\n").await, format!("{refused} line 2 is not UTF-8: y\u{fffd} 2"));
    assert_eq!(told(|| r#"{"x": 1}"#).await, format!("{refused} it ends in line 1 without a line break"));
    assert_eq!(
        told(|| "{\"x\": 1}\n").await,
        format!("{refused} line 1 wants a comma or }} at column 5: {{\"x\": 1}}")
    );
}

#[tokio::test]
async fn one_format_is_not_taken_for_the_other() {
    let refused = "what URL/metrics exposes is refused:";
    let text = "# HELP x help\n# TYPE x counter\nx 1\n";
    assert_eq!(told(move || (OPENMETRICS, text)).await, format!("{refused} it ends in line 3 without `# EOF`"));
    let exemplar = "# TYPE x counter\nx_total 1 # {} 1\n# EOF\n";
    let expected = format!("{refused} line 2 wants the end of the line at column 11: x_total 1 # {{}} 1");
    assert_eq!(told(move || (TEXT, exemplar)).await, expected);
    let both = "# TYPE x counter\nx_total 1\n# EOF\n# TYPE y untyped\ny 1\n";
    let expected = format!("{refused} line 4 goes on after `# EOF`: # TYPE y untyped");
    assert_eq!(told(move || (OPENMETRICS, both)).await, expected);
}

#[tokio::test]
async fn what_is_no_metrics_page_is_told_apart() {
    assert_eq!(told(|| "\n<!doctype html><p>Welcome").await, "URL/metrics answered with a web page");
    assert_eq!(told(|| (StatusCode::NOT_FOUND, "x 1\n")).await, "URL/metrics answered 404 Not Found");
    assert_eq!(told(|| (StatusCode::BAD_GATEWAY, "<html>")).await, "URL/metrics answered 502 Bad Gateway");
    assert_eq!(told(|| StatusCode::NO_CONTENT).await, "URL/metrics answered 204 No Content");
    let elsewhere = [(header::LOCATION, "https://login.example/in?state=s3cret")];
    let redirected = told(move || (StatusCode::FOUND, elsewhere.clone())).await;
    assert_eq!(redirected, "URL/metrics redirects to https://login.example/in");
}

#[tokio::test]
async fn a_body_that_is_cut_is_none_however_it_ends() {
    let end = || async {
        tokio::task::yield_now().await; // what came before is on its way now
        Err(io::Error::other("gone"))
    };
    let chunked = move || Body::from_stream(stream::iter([Ok("x 1\n")]).chain(stream::once(end())));
    let counted = "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nx 1\ny 2\n";
    for text in [told(chunked).await, told_of_bytes(counted).await] {
        assert!(text.starts_with("the answer of URL/metrics was cut off: "), "{text}");
    }
    let until_closed = "HTTP/1.0 200 OK\r\n\r\nx 1\ny 2";
    let refused = "what URL/metrics exposes is refused: it ends in line 2 without a line break";
    assert_eq!(told_of_bytes(until_closed).await, refused);
    let half = gzip(comments(MEBIBYTE).as_bytes());
    let half = half[..half.len() / 2].to_vec();
    let text = told(move || ([(header::CONTENT_ENCODING, "gzip")], half.clone())).await;
    assert!(text.starts_with("the answer of URL/metrics was cut off: "), "{text}");
}

#[tokio::test]
async fn a_body_without_end_is_given_up_at_16_mib() {
    let sent = Arc::new(AtomicUsize::new(0));
    let endless = {
        let sent = sent.clone();
        move || {
            let sent = sent.clone();
            Body::from_stream(stream::repeat_with(move || {
                sent.fetch_add(1, Ordering::SeqCst);
                Ok::<_, io::Error>(comments(MEBIBYTE))
            }))
        }
    };
    assert_eq!(told(endless).await, "the answer of URL/metrics is larger than 16 MiB");
    let sent = sent.load(Ordering::SeqCst);
    assert!((17..40).contains(&sent), "{sent} MiB were taken from it"); // what lies in sockets is on top
}

#[tokio::test]
async fn a_body_may_have_16_mib_and_no_byte_more_also_when_it_comes_in_less() {
    let most = || comments(16 * MEBIBYTE);
    assert!(scrape(&at(&Fake::answering(most).await.url)).await.unwrap().exposed.is_empty());
    assert_eq!(told(move || most() + "\n").await, "the answer of URL/metrics is larger than 16 MiB");
    let bomb = gzip(comments(64 * MEBIBYTE).as_bytes());
    assert!(bomb.len() < MEBIBYTE, "{} bytes are no bomb", bomb.len());
    let text = told(move || ([(header::CONTENT_ENCODING, "gzip")], bomb.clone())).await;
    assert_eq!(text, "the answer of URL/metrics is larger than 16 MiB");
}

#[tokio::test]
async fn a_target_that_takes_too_long_is_given_up_also_when_it_goes_on_sending() {
    let dripping = || async {
        let drops = stream::repeat("\n").then(|drop| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, io::Error>(drop)
        });
        Body::from_stream(drops)
    };
    let fakes = [Fake::serving(dripping).await, Fake::serving(std::future::pending::<&str>).await];
    for fake in fakes {
        let mut target = at(&fake.url);
        target.http.timeout = Span::millis(300);
        let error = tokio::time::timeout(PATIENCE, scrape(&target)).await.expect("it is given up").unwrap_err();
        assert_eq!(error.to_string(), format!("{}/metrics did not answer within 300ms", fake.url));
    }
}

#[tokio::test]
async fn every_error_is_a_problem_with_something_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut fakes = vec![Fake::answering(|| "x\n").await, Fake::answering(|| "<p>").await];
    fakes.push(Fake::answering(|| StatusCode::NOT_FOUND).await);
    fakes.push(Fake::answering(|| comments(17 * MEBIBYTE)).await);
    let urls = fakes.iter().map(|fake| fake.url.clone()).chain([format!("http://{free}")]);
    for url in urls {
        let problem = scrape(&at(&url)).await.unwrap_err().problem();
        assert_eq!(problem.code, "scrape_failed", "{problem}");
        assert!(problem.what.contains(&format!("{url}/metrics")), "{problem}");
        assert!(!problem.remedy.is_empty(), "{problem}");
    }
}

//! The Prometheus source against sources that misbehave in every way a network and a server can.

pub mod fake;
mod tls;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{StatusCode, header};
use burnwatch::io::http::{self, Credentials};
use burnwatch::io::prometheus::{Answer, Config, Error, Prometheus};
use burnwatch::plan::Series;
use burnwatch::units::{Span, Timestamp};
use fake::{Fake, TWO_SAMPLES};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use tokio::sync::Semaphore;

const SAMPLES: &str = "x[1m]";
const NOON: Timestamp = Timestamp::millis(1_763_600_000_123);

/// The configuration of a source at `url`.
fn at(url: &str) -> Config {
    let mut config = Config::default();
    config.http.url = url.to_string();
    config
}

async fn samples(config: &Config) -> Result<Answer<Vec<Series>>, Error> {
    Prometheus::build(config)?.samples(SAMPLES, NOON).await
}

/// The error of a source that answers so, as it reads.
async fn told<R: axum::response::IntoResponse + Send>(
    answer: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> String {
    let fake = Fake::answering(answer).await;
    let error = samples(&at(&fake.url)).await.unwrap_err();
    error.to_string().replace(&fake.url, "URL")
}

#[tokio::test]
async fn asks_for_whole_fresh_raw_answers_below_the_path_of_the_url() {
    let fake = Fake::answering(|| TWO_SAMPLES).await;
    let answer = samples(&at(&format!("{}/prometheus/", fake.url))).await.unwrap();
    assert_eq!((answer.value.len(), answer.samples), (1, 2));
    assert_eq!(answer.clock.map(|offset| offset.size()), Some(Span::ZERO), "the fake's clock is ours");
    let asked = &fake.asked()[0];
    assert_eq!((asked.method.as_str(), asked.uri.path()), ("POST", "/prometheus/api/v1/query"));
    assert_eq!(
        asked.body,
        "query=x%5B1m%5D&time=1763600000.123&timeout=10000ms\
         &nocache=1&dedup=true&partial_response=false&max_source_resolution=0s"
    );
}

#[tokio::test]
async fn asks_for_the_values_of_a_label_among_the_series_of_a_selector() {
    let fake = Fake::answering(|| r#"{"status":"success","data":["0.1","+Inf"]}"#).await;
    let source = Prometheus::build(&at(&fake.url)).unwrap();
    let values = source.label_values("le", r#"x{job="a"}"#, Timestamp::seconds(60), NOON).await.unwrap();
    assert_eq!(values, ["0.1", "+Inf"]);
    assert_eq!(
        fake.asked()[0].uri.to_string(),
        "/api/v1/label/le/values?match%5B%5D=x%7Bjob%3D%22a%22%7D&start=60&end=1763600000.123\
         &nocache=1&dedup=true&partial_response=false&max_source_resolution=0s"
    );
}

#[tokio::test]
async fn tells_how_far_the_clock_of_the_source_is_from_ours() {
    let fake = Fake::answering(|| ([(header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT")], TWO_SAMPLES)).await;
    let clock = samples(&at(&fake.url)).await.unwrap().clock.unwrap();
    assert!(clock.as_millis() < -1_000_000_000_000, "{clock:?}");
}

#[tokio::test]
async fn an_answer_with_warnings_is_no_answer() {
    let partial = r#"{"status":"success","warnings":["store gone"],"data":{"resultType":"matrix","result":[]}}"#;
    assert_eq!(told(move || partial).await, "the source answered in part only: store gone");
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_the_source() {
    let body = r#"{"status":"error","errorType":"execution","error":"too many samples"}"#;
    let fake = Fake::answering(move || (StatusCode::UNPROCESSABLE_ENTITY, body)).await;
    let error = samples(&at(&fake.url)).await.unwrap_err();
    assert_eq!(error.to_string(), "the source refused the query: too many samples (execution, status 422)");
    assert!(error.is_too_much());
}

#[tokio::test]
async fn a_source_that_asks_for_patience_is_given_it() {
    let json = r#"{"status":"error","errorType":"too_many_requests","error":"slow down"}"#;
    let limited = move || (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")], json);
    let moments =
        [(header::DATE, "Sun, 06 Nov 1994 08:49:37 GMT"), (header::RETRY_AFTER, "Sun, 06 Nov 1994 08:51:37 GMT")];
    let closed = move || (StatusCode::SERVICE_UNAVAILABLE, moments.clone(), "closed");
    let error = samples(&at(&Fake::answering(limited).await.url)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Span::seconds(7)), "{error}");
    let error = samples(&at(&Fake::answering(closed).await.url)).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Span::minutes(2)), "{error}");
    assert!(error.to_string().ends_with("answered 503 Service Unavailable"), "{error}");
}

#[tokio::test]
async fn what_is_not_the_api_is_told_apart() {
    assert_eq!(told(|| (StatusCode::NOT_FOUND, "no")).await, "URL answered 404 Not Found");
    assert_eq!(told(|| "\n<!doctype html>").await, "URL answered with a web page");
    assert_eq!(told(|| (StatusCode::BAD_GATEWAY, "<html>")).await, "URL answered 502 Bad Gateway");
    assert_eq!(told(|| "hello").await, "the source's answer cannot be read: expected value at line 1 column 1");
    let elsewhere = [(header::LOCATION, "https://login.example/in?state=s3cret")];
    assert_eq!(told(move || (StatusCode::FOUND, elsewhere.clone())).await, "URL redirects to https://login.example/in");
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_answer() {
    let end = || async {
        tokio::task::yield_now().await; // what came before is on its way now
        Err(std::io::Error::other("gone"))
    };
    let half = move || Body::from_stream(stream::iter([Ok(&TWO_SAMPLES[..80])]).chain(stream::once(end())));
    let text = told(half).await;
    assert!(text.starts_with("the answer of URL was cut off: "), "{text}");
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_its_limit() {
    let endless = || Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20])));
    let fake = Fake::answering(endless).await;
    let error = samples(&at(&fake.url)).await.unwrap_err();
    assert!(matches!(error, Error::Http(http::Error::TooLong { .. })), "{error}");
    assert!(error.is_too_much());
}

#[tokio::test]
async fn a_source_that_never_answers_is_given_up_after_the_timeout() {
    let fake = Fake::serving(std::future::pending::<&str>).await;
    let mut config = at(&fake.url);
    config.http.timeout = Span::millis(50);
    let error = samples(&config).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} did not answer within 50ms", fake.url));
}

#[tokio::test]
async fn a_source_that_is_not_there_is_told_by_what_is_missing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = samples(&at(&format!("http://{free}"))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("http://{free} refused the connection"));
    // Longer than a name in the DNS may be, so that no resolver is asked.
    let error = samples(&at(&format!("http://{}/", "a".repeat(64)))).await.unwrap_err();
    assert!(matches!(error, Error::Http(http::Error::UnknownHost { .. })), "{error}");
}

#[tokio::test]
async fn reads_compressed_answers() {
    let fake = Fake::answering(|| ([(header::CONTENT_ENCODING, "gzip")], gzip(TWO_SAMPLES.as_bytes()))).await;
    assert_eq!(samples(&at(&fake.url)).await.unwrap().samples, 2);
    assert_eq!(fake.asked()[0].headers[header::ACCEPT_ENCODING], "gzip");
}

/// RFC 1952, with one stored block.
fn gzip(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16).to_le_bytes();
    let complement = (!(data.len() as u16)).to_le_bytes();
    let head = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1][..], &length, &complement].concat();
    [&head, data, &crc32fast::hash(data).to_le_bytes(), &(data.len() as u32).to_le_bytes()].concat()
}

#[tokio::test]
async fn says_who_it_is_with_secrets_from_files_as_they_are_now() {
    let fake = Fake::answering(|| TWO_SAMPLES).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "open sesame").unwrap();
    let mut config = at(&fake.url);
    config.http.headers.extend([http::header("X-Scope-OrgID", "team-a").unwrap()]);
    let password_file = file.path().to_path_buf();
    config.http.credentials = Credentials::Basic { username: "ali".to_string(), password_file };
    samples(&config).await.unwrap();
    config.http.credentials = Credentials::Bearer { token_file: file.path().to_path_buf() };
    let source = Prometheus::build(&config).unwrap();
    std::fs::write(file.path(), "changed").unwrap();
    source.samples(SAMPLES, NOON).await.unwrap();
    let _ = source.label_values("le", "x", NOON, NOON).await;
    let asked = fake.asked();
    let said: Vec<_> = asked.iter().map(|asked| asked.headers[header::AUTHORIZATION].to_str().unwrap()).collect();
    assert_eq!(said, ["Basic YWxpOm9wZW4gc2VzYW1l", "Bearer changed", "Bearer changed"]);
    assert!(asked.iter().all(|asked| asked.headers["X-Scope-OrgID"] == "team-a"));
}

#[tokio::test]
async fn secrets_stand_in_no_error_and_no_debug_output() {
    let fake = Fake::answering(|| (StatusCode::UNAUTHORIZED, "no")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut config = at(&fake.url);
    config.http.headers.extend([http::header("X-Api-Key", "s3cret").unwrap()]);
    config.http.credentials = Credentials::Bearer { token_file: file.path().to_path_buf() };
    let mut shown = vec![];
    for content in ["s3cret", "s3cret\ns3cret", ""] {
        std::fs::write(file.path(), content).unwrap();
        shown.push(samples(&config).await.unwrap_err());
    }
    assert!(shown[0].remedy().contains("bearer_token_file"), "{}", shown[0]);
    assert!(shown[1].to_string().ends_with("holds no secret of one line"), "{}", shown[1]);
    for url in ["http://me:s3cret@localhost/?s3cret", "http://localhost/?token=s3cret", "ftp://s3cret@localhost"] {
        shown.push(samples(&at(url)).await.unwrap_err());
    }
    shown.push(http::header("Authorization", "Bearer s3cret").unwrap_err().into());
    shown.push(http::header("X-Api-Key", "s3cret\n").unwrap_err().into());
    let shown: Vec<_> = shown.iter().map(|error| format!("{error} {error:?} {}", error.problem())).collect();
    let all = format!("{config:?} {}", shown.join("\n"));
    assert!(!all.contains("s3cret"), "{all}");
}

#[tokio::test]
async fn no_more_queries_are_under_way_than_allowed() {
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let arrivals = Arc::new(Semaphore::new(0));
    let leave = Arc::new(Semaphore::new(0));
    let fake = {
        let (most, arrivals, leave) = (most.clone(), arrivals.clone(), leave.clone());
        Fake::serving(move || {
            let (under_way, most, arrivals, leave) = (under_way.clone(), most.clone(), arrivals.clone(), leave.clone());
            async move {
                most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                arrivals.add_permits(1);
                leave.acquire().await.unwrap().forget();
                under_way.fetch_sub(1, Ordering::SeqCst);
                TWO_SAMPLES
            }
        })
        .await
    };
    let source = Prometheus::build(&Config { concurrency: 2, ..at(&fake.url) }).unwrap();
    let queries = join_all((0..6).map(|_| source.samples(SAMPLES, NOON)));
    let conductor = async {
        arrivals.acquire_many(2).await.unwrap().forget();
        // A round trip of somebody else: whatever else was sent has arrived before it.
        samples(&at(&Fake::answering(|| TWO_SAMPLES).await.url)).await.unwrap();
        leave.add_permits(6);
    };
    let (answers, ()) = tokio::join!(queries, conductor);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

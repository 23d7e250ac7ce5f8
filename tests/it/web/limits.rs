//! How often one may ask: two clients on two addresses of this machine.

use std::net::IpAddr;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::{Value, json};

use crate::stand::Service;
use crate::web::{SLOS, daemon};

/// One who asks from an address of its own.
struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    fn at(address: &str, url: String) -> Client {
        let address: IpAddr = address.parse().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client { http: reqwest::Client::builder().no_proxy().local_address(address).build().unwrap(), url }
    }

    async fn get(&self, path: &str) -> (u16, HeaderMap, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
    }
}

fn number(headers: &HeaderMap, name: &str) -> u64 {
    headers[name].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_asks_too_often_is_refused_and_probes_and_metrics_never_are() {
    let service = Service::start();
    let mut daemon = daemon(&service, SLOS);
    // The default, at a tenth of the pace: what fills again meanwhile does not disturb.
    daemon.configure_web("rate_limit: { requests: 60, per: 10m, burst: 20 }");
    daemon.start();
    let [greedy, modest] =
        ["127.0.0.1", "127.0.0.2"].map(|address| Client::at(address, format!("http://{}", daemon.address())));

    for left in (0..20).rev() {
        let (status, headers, body) = greedy.get("/api/v1/slos").await;
        assert_eq!((status, number(&headers, "x-ratelimit-limit")), (200, 60), "{body}");
        assert_eq!(number(&headers, "x-ratelimit-remaining"), left);
        assert!((1..=200).contains(&number(&headers, "x-ratelimit-reset")), "{headers:?}");
    }
    let (status, headers, body) = greedy.get("/api/v1/slos").await;
    let retry_after = number(&headers, RETRY_AFTER.as_str());
    assert_eq!((status, (1..=10).contains(&retry_after)), (429, true), "{headers:?}");
    assert_eq!([number(&headers, "x-ratelimit-limit"), number(&headers, "x-ratelimit-remaining")], [60, 0]);
    let said: Value = serde_json::from_str(&body).unwrap();
    let expected = json!({"error": {"code": "rate_limit_exceeded", "message": "at most 60 requests in 10m",
        "retry_after": retry_after, "limit": 60}});
    assert_eq!(said, expected);

    let (status, headers, _) = modest.get("/api/v1/slos").await;
    assert_eq!((status, number(&headers, "x-ratelimit-remaining")), (200, 19));
    assert_eq!(greedy.get("/api/v1/alerts").await.0, 200, "another route has another bucket");
    for path in ["/health", "/health/live", "/health/ready", "/-/healthy", "/-/ready", "/metrics"].repeat(8) {
        let (status, headers, _) = greedy.get(path).await;
        assert_eq!((status, headers.contains_key("x-ratelimit-limit")), (200, false), "{path}");
    }
    assert_eq!(greedy.get("/api/v1/slos").await.0, 429);
}

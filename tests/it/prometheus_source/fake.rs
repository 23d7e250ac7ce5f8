//! A source of the test's own making: it remembers what it was asked and answers what the test says.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// One series of two samples, as an answer to [`SAMPLES`](super::SAMPLES).
pub const TWO_SAMPLES: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
    {"metric":{"__name__":"x","job":"a"},"values":[[1763599990,"1"],[1763600000,"3"]]}]}}"#;

pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
pub struct Asked {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: String,
}

impl Fake {
    /// Answers every request with what `answer` makes.
    pub async fn answering<R: IntoResponse + Send>(answer: impl Fn() -> R + Clone + Send + Sync + 'static) -> Fake {
        Fake::serving(move || std::future::ready(answer())).await
    }

    pub async fn serving<F, R>(answer: impl Fn() -> F + Clone + Send + Sync + 'static) -> Fake
    where
        F: Future<Output = R> + Send,
        R: IntoResponse,
    {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", tcp.local_addr().unwrap());
        let (asked, router) = remembering(answer);
        tokio::spawn(async move { axum::serve(tcp, router).await });
        Fake { url, asked }
    }

    /// The same over TLS.
    pub async fn answering_over_tls(tls: rustls::ServerConfig, answer: &'static str) -> Fake {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", tcp.local_addr().unwrap());
        let (asked, router) = remembering(move || std::future::ready(answer));
        let listener = TlsListener { tcp, tls: Arc::new(tls).into() };
        tokio::spawn(async move { axum::serve(listener, router).await });
        Fake { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn remembering<F, R>(answer: impl Fn() -> F + Clone + Send + Sync + 'static) -> (Arc<Mutex<Vec<Asked>>>, Router)
where
    F: Future<Output = R> + Send,
    R: IntoResponse,
{
    let asked = Arc::new(Mutex::new(vec![]));
    let memory = asked.clone();
    let handler = move |request: Request<Body>| {
        let (memory, answer) = (memory.clone(), answer.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            memory.lock().unwrap().push(Asked { method: head.method, uri: head.uri, headers: head.headers, body });
            answer().await.into_response() as Response
        }
    };
    (asked, Router::new().fallback(handler))
}

struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

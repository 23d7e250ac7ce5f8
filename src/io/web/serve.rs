//! Connections in, one task each: TLS where the gate asks for it, HTTP/1.1, and an end that cuts nobody off who has
//! asked. Never knows what is answered.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use futures_util::FutureExt;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::io::clock::Stopwatch;
use crate::io::web::Site;
use crate::io::web::callers::{ASKING, Callers, MAX_CALLERS, Phase, Seat};
use crate::io::web::client::Peer;
use crate::io::web::line::Line;

/// Method, address and headers of a request together have at most so many bytes.
const MAX_HEAD: usize = 16 << 10;

/// From a stop on, everybody is told so long that the connection ends with the answer: who asks on learns it from an
/// answer, not from a line that is cut.
const FAREWELL: Duration = Duration::from_millis(500);

/// Then whoever is here still has so long to begin a request.
const HEARING: Duration = Duration::from_millis(500);

/// A caller that is still reading its answer by then, is cut off at a stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Where nothing can be accepted, it is tried again after that.
const RETRY: Duration = Duration::from_millis(100);

/// Connections without TLS or acceptance that are logged within a minute; scanners make any number.
const LOGGED: Quota = Quota::per_minute(std::num::NonZeroU32::MIN.saturating_add(19));

/// What every connection shares.
struct Door {
    site: Site,
    router: Router,
    callers: Arc<Callers>,
    tasks: TaskTracker,
    /// Cancelled when no further request is taken.
    closed: CancellationToken,
    refusals: DefaultDirectRateLimiter,
}

/// Serves until `shutdown`, then ends what is under way.
pub async fn serve(listener: TcpListener, site: Site, router: Router, shutdown: impl Future<Output = ()>) {
    let door = Arc::new(Door {
        site,
        router,
        callers: Arc::default(),
        tasks: TaskTracker::new(),
        closed: CancellationToken::new(),
        refusals: RateLimiter::direct(LOGGED),
    });
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => door.take(accepted).await,
            () = &mut shutdown => break,
        }
    }
    door.site.stop();
    let farewell = Stopwatch::started();
    while farewell.elapsed() < FAREWELL && !door.callers.is_empty() {
        if let Ok(accepted) = tokio::time::timeout(RETRY, listener.accept()).await {
            door.take(accepted).await;
        }
    }
    // Whoever is connected already, but not accepted yet.
    for _ in 0..MAX_CALLERS {
        let Some(accepted @ Ok(_)) = listener.accept().now_or_never() else { break };
        door.take(accepted).await;
    }
    drop(listener);
    door.closed.cancel();
    door.tasks.close();
    if tokio::time::timeout(HEARING, door.tasks.wait()).await.is_err() {
        door.callers.dismiss(&[Phase::Asking, Phase::Resting]);
    }
    if tokio::time::timeout(DRAIN, door.tasks.wait()).await.is_err() {
        tracing::warn!("cut off who was still reading {} s after the stop", DRAIN.as_secs());
        door.callers.dismiss(&[Phase::Asking, Phase::Answering, Phase::Telling, Phase::Resting]);
    }
}

impl Door {
    async fn take(self: &Arc<Door>, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, peer)) => {
                let seat = self.callers.seat().await;
                let door = self.clone();
                self.tasks.spawn(async move {
                    tokio::select! {
                        () = door.attend(stream, peer, &seat) => {}
                        () = seat.caller.gone.cancelled() => {}
                    }
                });
            }
            // Out of file descriptors, or a caller who has left already.
            Err(error) => {
                if self.may_log() {
                    tracing::warn!("a connection cannot be accepted: {error}");
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// Everything that is said on one connection.
    async fn attend(&self, stream: TcpStream, peer: SocketAddr, seat: &Seat) {
        // Answers are written at once; waiting to fill a packet only delays them. It fails where nobody is there.
        _ = stream.set_nodelay(true);
        let Some(tls) = self.site.access().gate.rules().tls.clone() else {
            return self.converse(stream, peer, seat).await;
        };
        match tokio::time::timeout(ASKING, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, peer, seat).await,
            Ok(Err(error)) if self.may_log() => {
                tracing::warn!(client = %peer.ip(), "no TLS with who connected: {error}");
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }

    /// Whether one more of those who cannot come in is logged.
    fn may_log(&self) -> bool {
        self.refusals.check().is_ok()
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, peer: SocketAddr, seat: &Seat) {
        let line = TokioIo::new(Line::new(stream, seat.caller.clone(), Phase::limit));
        let router = TowerToHyperService::new(self.router.clone());
        let answer = service_fn(|mut request: Request<Incoming>| {
            seat.caller.enter(Phase::Answering);
            request.extensions_mut().insert(Peer(peer.ip()));
            let answer = router.call(request);
            async {
                let mut response: Response<_> = answer.await?;
                if self.site.is_stopping() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        // The line has the limits of time.
        let connection =
            http1::Builder::new().max_buf_size(MAX_HEAD).header_read_timeout(None).serve_connection(line, answer);
        let mut connection = pin!(connection);
        tokio::select! {
            // First: what was sent before the end is heard.
            biased;
            // An error is a caller who left, or asked what is no HTTP and was told so.
            _ = connection.as_mut() => return,
            () = self.closed.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        _ = connection.await;
    }
}

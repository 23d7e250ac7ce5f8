//! The bytes to and from one caller, on time or not at all: each phase of a connection has its limit, so that nobody
//! holds it by sending or reading slowly. Never knows what the bytes mean.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::io::web::callers::{Caller, Phase};

/// A stream whose phases are watched.
pub struct Line<S> {
    stream: S,
    caller: Arc<Caller>,
    /// How long each phase may last.
    limit: fn(Phase) -> Option<Duration>,
    /// When the phase beside it has lasted too long.
    end: Option<(Phase, Pin<Box<Sleep>>)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    pub fn new(stream: S, caller: Arc<Caller>, limit: fn(Phase) -> Option<Duration>) -> Line<S> {
        Line { stream, caller, limit, end: None }
    }

    /// Waits for the caller, as long as the phase may last.
    fn wait<T>(&mut self, cx: &mut Context) -> Poll<Result<T>> {
        let phase = self.caller.phase();
        let Some(limit) = (self.limit)(phase) else { return Poll::Pending };
        if self.end.as_ref().is_none_or(|(of, _)| *of != phase) {
            self.end = Some((phase, Box::pin(sleep(limit))));
        }
        match &mut self.end {
            Some((_, end)) => end.as_mut().poll(cx).map(|()| Err(Error::from(ErrorKind::TimedOut))),
            None => Poll::Pending,
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.caller.phase() != phase {
            self.caller.enter(phase);
            self.end = None;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Line<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<Result<()>> {
        let line = self.get_mut();
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut line.stream).poll_read(cx, buffer) else { return line.wait(cx) };
        if line.caller.phase() == Phase::Resting && buffer.filled().len() > before {
            line.enter(Phase::Asking);
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context, bytes: &[IoSlice]) -> Poll<Result<usize>> {
        let line = self.get_mut();
        line.enter(Phase::Telling);
        match Pin::new(&mut line.stream).poll_write_vectored(cx, bytes) {
            Poll::Pending => line.wait(cx),
            written => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// All that was written is on its way: the caller has its answer.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context) -> Poll<Result<()>> {
        let line = self.get_mut();
        let Poll::Ready(flushed) = Pin::new(&mut line.stream).poll_flush(cx) else { return line.wait(cx) };
        if line.caller.phase() == Phase::Telling {
            line.enter(Phase::Resting);
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context) -> Poll<Result<()>> {
        let line = self.get_mut();
        match Pin::new(&mut line.stream).poll_shutdown(cx) {
            Poll::Pending => line.wait(cx),
            ended => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    /// A beat of these tests. To ask and to be told may take ten, to rest a thousand.
    const BEAT: Duration = Duration::from_millis(20);

    fn limit(phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Asking | Phase::Telling => Some(BEAT * 10),
            Phase::Answering => None,
            Phase::Resting => Some(BEAT * 1_000),
        }
    }

    /// A line that holds 16 bytes each way, its caller, and their end of it.
    fn line() -> (Line<DuplexStream>, Arc<Caller>, DuplexStream) {
        let (ours, theirs) = duplex(16);
        let caller = Arc::new(Caller::new());
        (Line::new(ours, caller.clone(), limit), caller, theirs)
    }

    #[tokio::test]
    async fn a_request_that_trickles_in_ends_the_line() {
        let (mut line, caller, mut theirs) = line();
        let slow = tokio::spawn(async move {
            while theirs.write_all(b"x").await.is_ok() {
                sleep(BEAT).await;
            }
        });
        let read = timeout(BEAT * 500, line.read_to_end(&mut Vec::new())).await.expect("it ends");
        assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(caller.phase(), Phase::Asking);
        drop(line);
        slow.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_that_is_not_taken_ends_the_line() {
        let (mut line, caller, mut theirs) = line();
        caller.enter(Phase::Answering);
        let slow = tokio::spawn(async move {
            while theirs.read_u8().await.is_ok() {
                sleep(BEAT).await;
            }
        });
        let written = timeout(BEAT * 500, line.write_all(&[0; 1_000])).await.expect("it ends");
        assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
        drop(line);
        slow.await.unwrap();
    }

    #[tokio::test]
    async fn who_rests_between_requests_may_do_so_longer_than_ask() {
        let (mut line, caller, mut theirs) = line();
        line.write_all(b"answer").await.unwrap();
        assert_eq!(caller.phase(), Phase::Telling);
        line.flush().await.unwrap();
        assert_eq!(caller.phase(), Phase::Resting);
        let asking = tokio::spawn(async move {
            sleep(BEAT * 20).await;
            theirs.write_all(b"a").await.unwrap();
            theirs
        });
        assert_eq!(line.read_u8().await.unwrap(), b'a');
        assert_eq!(caller.phase(), Phase::Asking);
        let _theirs = asking.await.unwrap();
        let read = timeout(BEAT * 500, line.read_u8()).await.expect("it ends");
        assert_eq!(read.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}

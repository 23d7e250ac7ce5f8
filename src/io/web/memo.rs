//! Long answers that are the same for everybody until the next tick: written for the first who asks, shared by all others.
//! Never knows what they say.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::report::Snapshot;

/// What one path answers, and to which snapshot that belongs, which it does not keep.
#[derive(Debug, Default)]
pub struct Memo(Mutex<(Weak<Snapshot>, Bytes)>);

impl Memo {
    /// What is `told` of a snapshot, as JSON. Who asks while it is written waits for it: writing it too would take longer.
    pub fn answer<T: Serialize>(&self, snapshot: &Arc<Snapshot>, told: impl FnOnce(&Snapshot) -> T) -> Response {
        // Whoever held it last has put both in, or nothing.
        let mut memo = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !memo.0.ptr_eq(&Arc::downgrade(snapshot)) {
            // It is made of our own types: none of them fails to be written.
            let text = serde_json::to_vec(&told(snapshot)).unwrap_or_default();
            *memo = (Arc::downgrade(snapshot), text.into());
        }
        ([(CONTENT_TYPE, "application/json")], memo.1.clone()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;
    use std::cell::Cell;

    #[tokio::test]
    async fn it_is_written_once_for_each_snapshot() {
        let (memo, written) = (Memo::default(), Cell::new(0));
        let ask = async |snapshot: &Arc<Snapshot>| {
            let answer = memo.answer(snapshot, |snapshot| {
                written.set(written.get() + 1);
                snapshot.as_of.map(|at| at.to_string())
            });
            (axum::body::to_bytes(answer.into_body(), 100).await.unwrap(), written.get())
        };
        let at = |seconds| Arc::new(Snapshot { as_of: Some(Timestamp::seconds(seconds)), ..Snapshot::default() });
        let first = at(0);
        assert_eq!(ask(&first).await, ("\"1970-01-01T00:00:00Z\"".into(), 1));
        assert_eq!(ask(&first).await, ("\"1970-01-01T00:00:00Z\"".into(), 1));
        drop(first);
        assert_eq!(ask(&at(1)).await, ("\"1970-01-01T00:00:01Z\"".into(), 2));
    }
}

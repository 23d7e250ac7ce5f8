//! The loops that run: until all are told to stop, or until one is told that another takes its place. Never knows what they do.

use std::future::pending;
use std::time::Duration;

use anyhow::{anyhow, bail};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// After a stop everything has to have ended by then.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// Each with whether it ended as it was told to.
#[derive(Default)]
pub struct Loops {
    running: JoinSet<bool>,
    stop: CancellationToken,
}

impl Loops {
    /// Runs what `run` makes of the token by which it is told to end; that is returned.
    pub fn start<F>(&mut self, run: impl FnOnce(CancellationToken) -> F) -> CancellationToken
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let told = self.stop.child_token();
        self.start_until(told.clone(), run(told.clone()));
        told
    }

    /// Runs a loop that may end once one of `told` and [`Loops::stop`] is cancelled.
    pub fn start_until(&mut self, told: CancellationToken, run: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.running.spawn(async move {
            run.await;
            told.is_cancelled() || stop.is_cancelled()
        });
    }

    /// By what all are told to stop.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Why one ended that was not told to; waits for as long as none did.
    pub async fn fault(&mut self) -> anyhow::Error {
        loop {
            match self.running.join_next().await {
                None => pending().await,
                Some(Ok(true)) => {}
                Some(Ok(false)) => return anyhow!("a part of the daemon ended by itself"),
                Some(Err(panic)) => return anyhow!("a part of the daemon failed: {panic}"),
            }
        }
    }

    /// Tells all to stop and waits for that; an error where that takes too long.
    pub async fn end(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        let ended = async { while self.running.join_next().await.is_some() {} };
        match tokio::time::timeout(STOP_WITHIN, ended).await {
            Ok(()) => Ok(()),
            Err(_) => bail!("not everything ended within {} s", STOP_WITHIN.as_secs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_is_told_to_end_is_no_fault_and_one_that_ends_by_itself_is() {
        let mut loops = Loops::default();
        let told = loops.start(|told| told.cancelled_owned());
        loops.start(|told| told.cancelled_owned());
        told.cancel();
        let waited = tokio::time::timeout(Duration::from_millis(50), loops.fault()).await;
        assert!(waited.is_err(), "{waited:?}");
        loops.start(|_| async {});
        assert_eq!(loops.fault().await.to_string(), "a part of the daemon ended by itself");
        assert!(loops.end().await.is_ok());
    }
}

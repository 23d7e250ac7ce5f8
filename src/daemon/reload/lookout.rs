//! The lookout for files that change, and the patience until whoever changes them is done. Never reads one.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::daemon::Config;
use crate::io::files::{Grounds, Watching};
use crate::units::Problem;

/// Files are read once nothing happened to them for so long, for who writes several writes one after the other; and at the
/// latest after so long.
const QUIET: Duration = Duration::from_millis(300);
const RESTLESS: Duration = Duration::from_secs(5);

pub struct Lookout {
    grounds: Grounds,
    watching: Option<Watching>,
    changed: (mpsc::Sender<()>, mpsc::Receiver<()>),
}

impl Lookout {
    pub fn new() -> Lookout {
        Lookout { grounds: Grounds::default(), watching: None, changed: mpsc::channel(1) }
    }

    /// Looks out from now on for whatever `config` names; the problem that it cannot.
    /// What was not looked out for until now may have changed already.
    pub fn look_out(&mut self, config: &Config) -> Option<Problem> {
        let grounds = Grounds::of(config.path.as_deref(), &config.slos, &config.base);
        // Anew even if it is the same place: what was watched may be gone and another there.
        let (watching, problem) = match Watching::over(&grounds, self.changed.0.clone()) {
            Ok(watching) => (Some(watching), None),
            Err(problem) => (None, Some(*problem)),
        };
        self.watching = watching;
        if self.grounds != grounds {
            self.grounds = grounds;
            _ = self.changed.0.try_send(());
        }
        problem
    }

    /// Returns when something changed and nothing does any more.
    pub async fn changed(&mut self) {
        self.changed.1.recv().await;
        let mut late = pin!(sleep(RESTLESS));
        loop {
            tokio::select! {
                more = timeout(QUIET, self.changed.1.recv()) => if more.is_err() { return },
                () = &mut late => return,
            }
        }
    }
}

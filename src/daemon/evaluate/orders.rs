//! What a reload says to the evaluate loop, and how it is taken up between two ticks. Never reads a file.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::daemon::backfill::Desk;
use crate::daemon::declared::Declared;
use crate::daemon::deliver::Counter;
use crate::daemon::evaluate::Evaluation;
use crate::daemon::problems::Origin;
use crate::daemon::publish::Press;
use crate::daemon::source::Source;
use crate::io::web::Gate;
use crate::plan::{Facts, Pace, plan};
use crate::units::{Problem, Span};

/// What holds from now on. A part that is `None` stays as it was.
pub struct Orders {
    pub declared: Declared,
    pub pace: Pace,
    pub delay: Span,
    /// What of the configuration could not be taken up.
    pub kept_back: Vec<Problem>,
    pub source: Option<Source>,
    pub desk: Option<Desk>,
    pub press: Option<Press>,
    /// With what is wrong with some.
    pub channels: Option<(Counter, Vec<Problem>)>,
    pub gate: Option<Arc<Gate>>,
    /// Told once all of it holds.
    pub taken: oneshot::Sender<()>,
}

impl Evaluation {
    /// Takes them up as of the last tick. What the source holds for them is learned next, and then new SLOs begin to be
    /// counted and their past to be read, before another instant comes.
    pub fn obey(&mut self, orders: Orders) {
        let Orders { declared, pace, delay, kept_back, source, desk, press, channels, gate, taken } = orders;
        let now = self.last.unwrap_or_else(|| self.source.now());
        let is_new = source.is_some() || declared.slos != self.slos || pace != self.pace;
        self.has_all_slos = declared.is_whole();
        (self.slos, self.pace, self.delay) = (declared.slos, pace, delay);
        self.problems.replace(Origin::Files, declared.problems, now);
        self.problems.replace(Origin::Config, kept_back, now);
        if let Some(source) = source {
            source.take_over(&self.source);
            source.go_on_from(now);
            (self.source, self.facts) = (source, Facts::default());
        }
        if let Some(desk) = desk {
            (self.desk, self.expected) = (desk, (BTreeSet::new(), now));
        }
        if let Some(press) = press {
            self.press = press;
        }
        if let Some((counter, problems)) = channels {
            self.counter = counter;
            self.problems.replace(Origin::Notify, problems, now);
        }
        if let Some(gate) = gate {
            self.gate = gate;
        }
        if is_new {
            let (every, _) = plan(self.slos.clone(), &Facts::default(), self.pace.clone());
            self.source.want(&every);
            self.plan_anew(now);
            // New questions are put for this instant too, and what was before it is asked for then.
            self.progressed = true;
        }
        self.learn_at = None;
        if let Some(last) = self.last {
            self.publish(last);
        }
        // Who asked may be gone.
        _ = taken.send(());
    }
}

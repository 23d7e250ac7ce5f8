//! All that a tick goes on from.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::alerts::Alerts;
use crate::ledger::{Kept, Ledger, Odd};
use crate::plan::Plan;
use crate::tick::asking::{LONGEST_PIECE, SHORTEST_PIECE};
use crate::tick::energy::Energy;
use crate::tick::latency::Latencies;
use crate::tick::{Standing, power};
use crate::units::{Problem, SloId, Span, Timestamp};

/// How long a remark on single samples is shown after it was last made.
const SHOWN: Span = Span::hours(1);

/// What was counted, what was judged, and how the next questions are put.
#[derive(Debug, Default)]
pub struct State {
    pub ledger: Ledger,
    pub alerts: HashMap<SloId, Alerts>,
    /// How each SLO of the plan stands, as of the last tick.
    pub standings: Vec<Standing>,
    /// Samples ignored since the start, by reason.
    pub odd: Odd,
    /// What was noticed of single samples, and when last.
    pub remarks: BTreeMap<Problem, Timestamp>,
    /// By query of the plan, the longest span that is asked at once.
    pub pieces: Vec<Span>,
    /// What was observed of latencies; not kept.
    pub latencies: Latencies,
    /// Whether the host draws more than it should.
    pub is_power_above: bool,
    /// By account whose past is read, when something of it last came.
    pub read_at: BTreeMap<usize, Timestamp>,
    pub energy: Energy,
}

/// All that is kept of a state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptState {
    pub ledger: Kept,
    /// Alerts as JSON.
    pub verdicts: Vec<(SloId, String)>,
    /// As JSON; `None` where nothing was ever measured.
    pub energy: Option<String>,
}

impl State {
    /// The state that was kept, and what of it is damaged.
    pub fn restored(kept: KeptState) -> (State, Vec<Problem>) {
        let (ledger, mut problems) = Ledger::restored(kept.ledger);
        let mut alerts = HashMap::new();
        let mut is_power_above = false;
        for (id, verdict) in kept.verdicts {
            if id == power::verdict() {
                is_power_above = verdict == "true";
                continue;
            }
            match serde_json::from_str(&verdict) {
                Ok(verdict) => _ = alerts.insert(id, verdict),
                Err(error) => {
                    let what = format!("the alerts of {id} are damaged in the ledger: {error}");
                    problems.push(Problem::error("ledger_damaged", what, "they are judged anew").about(&id));
                }
            }
        }
        let energy = kept.energy.map(|energy| serde_json::from_str(&energy)).transpose().unwrap_or_else(|error| {
            let what = format!("the totals of energy are damaged in the ledger: {error}");
            problems.push(Problem::error("ledger_damaged", what, "they begin anew"));
            None
        });
        let energy = Energy::restored(energy.unwrap_or_default());
        (State { ledger, alerts, energy, is_power_above, ..State::default() }, problems)
    }

    /// Adds up what an answer had to be ignored, and keeps what was noticed.
    pub fn remember(&mut self, odd: Odd, problems: Vec<Problem>, now: Timestamp) {
        for (reason, count) in odd {
            *self.odd.entry(reason).or_default() += count;
        }
        self.remarks.extend(problems.into_iter().map(|problem| (problem, now)));
    }

    pub fn forget_remarks(&mut self, now: Timestamp) {
        self.remarks.retain(|_, last| now.since(*last) < SHOWN);
    }

    /// Once it has caught up, it may be asked over long spans again; before, they would only be refused again.
    pub fn caught_up(&mut self, query: usize) {
        self.pieces[query] = LONGEST_PIECE;
    }

    /// After a refusal for size, spans are halved.
    pub fn unanswered(&mut self, query: usize, too_much: bool) {
        if too_much {
            self.pieces[query] = (self.pieces[query] / 2).max(SHORTEST_PIECE);
        }
    }

    /// Forgets the alerts of SLOs that are not declared any more; returns what is to be kept of that.
    pub fn adopt_alerts(&mut self, plan: &Plan) -> BTreeMap<SloId, String> {
        let declared: HashSet<&SloId> = plan.slos.iter().map(|planned| &planned.slo.id).collect();
        let gone: Vec<SloId> = self.alerts.keys().filter(|id| !declared.contains(id)).cloned().collect();
        gone.iter().for_each(|id| _ = self.alerts.remove(id));
        gone.into_iter().map(|id| (id, "{}".to_string())).collect()
    }
}

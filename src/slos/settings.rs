//! What a file says for all its SLOs, and each may say itself.

use crate::slos::alerting::{self, THRESHOLDS};
use crate::slos::labels;
use crate::slos::{Alerting, Sli, Slo};
use crate::units::{Labels, Objective, Place, Ratio, SloId, Window};
use crate::yaml::Fields;

#[derive(Clone)]
pub struct Settings {
    owner: Option<String>,
    labels: Labels,
    window: Window,
    alerting: Alerting,
    notify_at: Vec<Ratio>,
}

impl Settings {
    pub fn unsaid() -> Settings {
        Settings {
            owner: None,
            labels: Labels::default(),
            window: Window::DEFAULT,
            alerting: Alerting::default(),
            notify_at: THRESHOLDS.map(Ratio::held).to_vec(),
        }
    }

    /// These settings with what `fields` say laid over them.
    pub fn overlaid(&self, fields: &mut Fields) -> Settings {
        Settings {
            owner: fields.text("owner").map(String::from).or_else(|| self.owner.clone()),
            labels: labels::of_slo(fields, &self.labels),
            window: fields.read("window").unwrap_or(self.window),
            alerting: alerting::alerting(fields, &self.alerting),
            notify_at: alerting::notify_at(fields).unwrap_or_else(|| self.notify_at.clone()),
        }
    }

    /// The SLO that has these settings and what it alone says.
    pub fn slo(self, id: SloId, place: Place, description: String, objective: Objective, sli: Sli) -> Slo {
        let Settings { owner, labels, window, alerting, notify_at } = self;
        Slo { id, place, description, owner, labels, window, objective, sli, alerting, notify_at }
    }
}

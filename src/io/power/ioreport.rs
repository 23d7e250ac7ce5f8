//! The energy channels of an Apple SoC, copied from macOS by `macmon`. What they mean is told by `energy::ioreport`.
//! Samples are raw pointers that must not change threads: one thread owns them and answers when it is asked.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use macmon::sources::{IOReport, cfio_integer_value};

use crate::energy::ioreport::{Channel, Counters};
use crate::energy::{Meter, Method, Reading, Readings, Reason, Role, Said, Silent, Zone};
use crate::io::power::Body;

/// How long an answer is waited for; a sample of all channels takes 4 ms.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The groups that tell energy; the second is there since macOS 27.
const GROUPS: [(&str, Option<&str>); 2] = [("Energy Model", None), ("CLPC", Some("Energy Counters"))];

type Answer = Result<Vec<Channel>, String>;

/// The channels of this machine.
pub struct Ioreport {
    ask: SyncSender<()>,
    answers: Receiver<Answer>,
    /// Whether an answer is still to come.
    is_asked: bool,
    counters: Counters,
    zones: Vec<Arc<Zone>>,
}

impl Ioreport {
    pub fn open() -> Ioreport {
        let (ask, asked) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        // Without a thread both ends are dropped, and each reading says so.
        let _ = thread::Builder::new().name("ioreport".into()).spawn(move || answer_all(&asked, &answer));
        Ioreport { ask, answers, is_asked: false, counters: Counters::default(), zones: Vec::new() }
    }

    fn channels(&mut self) -> Result<Vec<Channel>, (Reason, String)> {
        let ended = || (Reason::Io, "its thread has ended".to_string());
        if !self.is_asked {
            self.ask.send(()).map_err(|_| ended())?;
            self.is_asked = true;
        }
        let answer = self.answers.recv_timeout(ANSWER_WITHIN).map_err(|error| match error {
            RecvTimeoutError::Timeout => (Reason::Io, format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
            RecvTimeoutError::Disconnected => ended(),
        })?;
        self.is_asked = false;
        answer.map_err(|what| (Reason::NotFound, what))
    }

    fn zone(&mut self, role: Role) -> Arc<Zone> {
        if let Some(known) = self.zones.iter().find(|zone| zone.role == role) {
            return known.clone();
        }
        let mut zone = Zone { meter: Meter::Ioreport, id: String::new(), role, method: Method::Counter };
        zone.id = format!("Energy Model:{}", zone.name());
        let zone = Arc::new(zone);
        self.zones.push(zone.clone());
        zone
    }
}

impl Body for Ioreport {
    fn read(&mut self, readings: &mut Readings) {
        let channels = match self.channels() {
            Ok(channels) => channels,
            Err((reason, what)) => return readings.silent.push(silent(None, reason, &what)),
        };
        for (role, told) in self.counters.told(&channels, readings.at) {
            let zone = self.zone(role);
            match told {
                Ok(counter) => readings.readings.push(Reading { zone, said: Said::Energy { counter, range: None } }),
                Err(reason) => readings.silent.push(silent(Some(zone), reason, reason.name())),
            }
        }
    }
}

fn silent(zone: Option<Arc<Zone>>, reason: Reason, what: &str) -> Silent {
    let about = zone.as_ref().map_or("IOReport", |zone| &zone.id);
    let remedy = match reason {
        Reason::NotFound => "virtual machines have no energy channels; run it on the machine itself",
        Reason::Standstill => "macOS 27 stops this counter for programs that are not Apple's, root or not",
        Reason::Parse => "a channel has a unit that is not known; update burnwatch",
        Reason::Io | Reason::Permission | Reason::Idle => "restart burnwatch",
    };
    let what = format!("{about}: {what}");
    Silent { meter: Meter::Ioreport, zone, reason, what, remedy: remedy.into() }
}

/// Answers until nobody asks any more.
fn answer_all(asked: &Receiver<()>, answer: &SyncSender<Answer>) {
    let mut report = IOReport::new(GROUPS.to_vec()).map_err(|error| error.to_string());
    for () in asked {
        let channels = match &mut report {
            Ok(report) => Ok(moved(report)),
            Err(what) => Err(what.clone()),
        };
        if answer.send(channels).is_err() {
            return;
        }
    }
}

/// How far every channel moved since the last call: `get_samples` keeps its last sample and begins the next with it.
fn moved(report: &mut IOReport) -> Vec<Channel> {
    let samples = report.get_samples(0, 1).into_iter();
    samples
        .flat_map(|(sample, _)| {
            sample
                .map(|item| Channel {
                    moved: cfio_integer_value(item.item), // while the sample that owns it is there
                    group: item.group,
                    name: item.channel,
                    unit: item.unit,
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

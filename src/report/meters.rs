//! What `burnwatch power` shows: every zone of every meter, and what cannot be read, why, and what to do. Never knows a
//! terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table};

use crate::energy::{Basis, Reason, Silent, Statement, ZoneState};
use crate::report::energy::{self, told};
use crate::report::json;
use crate::units::Watts;

const HEADER: [&str; 5] = ["ZONE", "METER", "METHOD", "WATTS", ""];
const WATTS: usize = 3;
const UNKNOWN: &str = "-";

/// As programs read it.
pub fn meters(statement: &Statement, idle: Option<Watts>) -> json::Meters {
    let zone = |state: &ZoneState| json::Zone {
        zone: state.zone.name(),
        meter: state.zone.meter.name().to_string(),
        id: state.zone.id.clone(),
        method: state.zone.method.name().to_string(),
        watts: state.watts.map(told),
        repeats: state.repeats.as_ref().map(|zone| zone.id.clone()),
        reason: state.silent.map(|reason| reason.name().to_string()),
    };
    let unreadable = |silent: &Silent| json::Unreadable {
        meter: silent.meter.name().to_string(),
        zone: silent.zone.as_ref().map(|zone| zone.id.clone()),
        reason: silent.reason.name().to_string(),
        what: silent.what.clone(),
        remedy: silent.remedy.clone(),
    };
    json::Meters {
        power: energy::power(statement, idle),
        meters: energy::meters(statement),
        zones: statement.zones.iter().map(zone).collect(),
        unreadable: statement.silent.iter().map(unreadable).collect(),
    }
}

/// A table of the zones, the host's power below it, then what cannot be read.
pub fn meters_text(statement: &Statement, width: Option<u16>) -> String {
    let mut lines = Vec::new();
    if !statement.zones.is_empty() {
        lines.extend([table(statement, width), String::new()]);
    }
    lines.push(match (statement.host.basis, statement.host.watts) {
        (Some(basis), Some(watts)) => format!("host {watts}, {}", made_of(basis)),
        _ => "the power of this host is not known".to_string(),
    });
    lines.extend(statement.silent.iter().map(|silent| format!("{}: {silent}", silent.meter.name())));
    lines.join("\n") + "\n"
}

fn made_of(basis: Basis) -> &'static str {
    match basis {
        Basis::Components => "packages and memory",
        Basis::Platform => "the whole machine",
        Basis::Estimate => "estimated",
    }
}

fn table(statement: &Statement, width: Option<u16>) -> String {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.set_header(HEADER).load_style(NOTHING.header_separator(line)).force_no_tty();
    if let Some(width) = width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.add_rows(statement.zones.iter().map(|state| {
        let watts = state.watts.map_or(UNKNOWN.into(), |watts| format!("{:.1}", watts.get()));
        let zone = &state.zone;
        [zone.name(), format!("{} {}", zone.meter.name(), zone.id), zone.method.name().into(), watts, remark(state)]
    }));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index == WATTS {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Why a zone shows no watts, or is not added up.
fn remark(state: &ZoneState) -> String {
    match (state.silent, &state.repeats) {
        (Some(reason), _) => why(reason).to_string(),
        (None, Some(zone)) => format!("repeats {}", zone.id),
        (None, None) => String::new(),
    }
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::NotFound => "is not there",
        Reason::Permission => "permission denied",
        Reason::Io => "cannot be read",
        Reason::Parse => "says no number",
        Reason::Standstill => "stands still",
        Reason::Idle => "says nothing at present",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::energy::{Host, Meter, Method, Role, Zone};

    fn statement() -> Statement {
        let zone = |id: &str, die| {
            let role = Role::Package { socket: 0, die: Some(die) };
            Arc::new(Zone { meter: Meter::Rapl, id: id.into(), role, method: Method::Counter })
        };
        let (first, second, third) = (zone("intel-rapl:0", 0), zone("intel-rapl:1", 1), zone("intel-rapl:2", 2));
        let silent = Silent {
            meter: Meter::Rapl,
            zone: Some(third.clone()),
            reason: Reason::Permission,
            what: "/sys/x: permission denied".into(),
            remedy: "grant it".into(),
        };
        let state = |zone: &Arc<Zone>, watts: Option<f64>| ZoneState {
            zone: zone.clone(),
            watts: watts.and_then(Watts::new),
            silent: None,
            repeats: None,
        };
        Statement {
            host: Host { basis: Some(Basis::Components), watts: Watts::new(61.25) },
            zones: vec![
                state(&first, Some(61.25)),
                ZoneState { repeats: Some(first.clone()), ..state(&second, Some(61.25)) },
                ZoneState { silent: Some(Reason::Permission), ..state(&third, None) },
            ],
            silent: vec![silent],
            ..Statement::default()
        }
    }

    #[test]
    fn every_zone_is_a_line_and_what_cannot_be_read_is_one_with_its_remedy() {
        let expected = "\
ZONE             METER              METHOD    WATTS
────────────────────────────────────────────────────────────────────────
package-0-die-0  rapl intel-rapl:0  counter    61.2
package-0-die-1  rapl intel-rapl:1  counter    61.2  repeats intel-rapl:0
package-0-die-2  rapl intel-rapl:2  counter       -  permission denied

host 61.2 W, packages and memory
rapl: /sys/x: permission denied; grant it
";
        let words = |text: &str| {
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
        };
        let is_text = |line: &String| !line.starts_with('─');
        let [expected, told] = [expected, &meters_text(&statement(), None)].map(words);
        assert_eq!(
            told.iter().filter(|line| is_text(line)).collect::<Vec<_>>(),
            expected.iter().filter(|line| is_text(line)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_host_that_tells_nothing_is_not_known() {
        assert_eq!(meters_text(&Statement::default(), None), "the power of this host is not known\n");
    }

    #[test]
    fn programs_read_the_same() {
        let told = serde_json::to_value(meters(&statement(), None)).unwrap();
        assert_eq!(
            (&told["power"]["now_watts"], &told["zones"][1]["repeats"]),
            (&61.25.into(), &"intel-rapl:0".into())
        );
        assert_eq!(
            (&told["zones"][2]["watts"], &told["zones"][2]["reason"]),
            (&serde_json::Value::Null, &"permission".into())
        );
        assert_eq!(told["unreadable"][0]["remedy"], "grant it");
    }
}

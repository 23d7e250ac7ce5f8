//! Dashboards for Grafana, as the JSON it imports: what burnwatch exports, laid out for people.
//! Never knows which SLOs there are: variables ask the data source.

mod grafana;
mod layout;
mod panel;
mod overview;
mod slo;
mod energy;

use crate::dashboards::grafana::Dashboard;

/// How the text of each begins: what tells one of ours from others.
pub const HEADER: &str = "{\n  \"uid\": \"burnwatch-";

/// A dashboard and the name of the file it belongs into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: &'static str,
    /// JSON, indented, with a line feed at its end.
    pub text: String,
}

/// All of them. `datasource` is the name of the data source that is chosen at first; each has a variable to choose
/// another.
pub fn dashboards(datasource: &str) -> Vec<File> {
    let all = [overview::dashboard(datasource), slo::dashboard(datasource), energy::dashboard(datasource)];
    ["overview.json", "slo.json", "energy.json"].into_iter().zip(all.iter().map(text)).map(file).collect()
}

fn file((name, text): (&'static str, String)) -> File {
    File { name, text }
}

fn text(dashboard: &Dashboard) -> String {
    // Serializing fails only for maps whose keys are no text, and there are none.
    let json = serde_json::to_string_pretty(dashboard).unwrap_or_default();
    json + "\n"
}

#[cfg(test)]
mod tests;

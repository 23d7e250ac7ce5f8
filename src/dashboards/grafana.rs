//! The JSON of Grafana, as far as these dashboards speak it (dashboard schema 39, read by Grafana 10 and later).

use serde::Serialize;

/// What imports it and shows it.
const SCHEMA: u16 = 39;

/// The data source that the variable names.
const CHOSEN: &str = "${datasource}";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// Stays the same, so that links and a second import find it.
    pub uid: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub tags: [&'static str; 1],
    pub timezone: &'static str,
    pub editable: bool,
    /// 1: the crosshair is shared by all panels.
    pub graph_tooltip: u8,
    pub refresh: &'static str,
    pub schema_version: u16,
    pub time: TimeRange,
    pub templating: Templating,
    pub links: Vec<Link>,
    pub panels: Vec<Panel>,
}

impl Dashboard {
    /// An empty one, which shows the time from `from` to now and links to its siblings.
    pub fn new(uid: &'static str, title: &'static str, description: &'static str, from: &'static str) -> Dashboard {
        Dashboard {
            uid,
            title,
            description,
            tags: [Link::TAG],
            timezone: "browser",
            editable: false,
            graph_tooltip: 1,
            refresh: "1m",
            schema_version: SCHEMA,
            time: TimeRange { from, to: "now" },
            templating: Templating { list: Vec::new() },
            links: vec![Link::SIBLINGS],
            panels: Vec::new(),
        }
    }
}

#[derive(Debug, Serialize)]
pub struct TimeRange {
    pub from: &'static str,
    pub to: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Templating {
    pub list: Vec<Variable>,
}

/// Something to choose at the top of a dashboard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    pub name: &'static str,
    pub label: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub query: VariableQuery,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasource: Option<DataSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Current>,
    pub include_all: bool,
    pub multi: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_value: Option<&'static str>,
    /// 2: asked again whenever the time range changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<u8>,
    /// 1: by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<u8>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum VariableQuery {
    Plugin(&'static str),
    #[serde(rename_all = "camelCase")]
    Labels {
        query: String,
        ref_id: &'static str,
    },
}

#[derive(Debug, Serialize)]
pub struct Current {
    pub text: String,
    pub value: String,
}

impl Variable {
    /// Which Prometheus is asked; `named` is chosen at first.
    pub fn datasource(named: &str) -> Variable {
        Variable {
            name: "datasource",
            label: "Data source",
            kind: "datasource",
            query: VariableQuery::Plugin("prometheus"),
            datasource: None,
            current: Some(Current { text: named.to_string(), value: named.to_string() }),
            include_all: false,
            multi: false,
            all_value: None,
            refresh: None,
            sort: None,
        }
    }

    /// One value of a label of `series`.
    pub fn one(name: &'static str, label: &'static str, series: &str) -> Variable {
        Variable {
            name,
            label,
            kind: "query",
            query: VariableQuery::Labels { query: format!("label_values({series}, {name})"), ref_id: "A" },
            datasource: Some(DataSource::CHOSEN),
            current: None,
            include_all: false,
            multi: false,
            all_value: None,
            refresh: Some(2),
            sort: Some(1),
        }
    }

    /// Any number of them. Where all are chosen, series without the label are shown too.
    pub fn several(name: &'static str, label: &'static str, series: &str) -> Variable {
        Variable { include_all: true, multi: true, all_value: Some(".*"), ..Variable::one(name, label, series) }
    }
}

/// A link at the top of a dashboard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub title: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub tags: [&'static str; 1],
    pub icon: &'static str,
    pub tooltip: &'static str,
    pub url: &'static str,
    pub as_dropdown: bool,
    pub target_blank: bool,
    pub include_vars: bool,
    pub keep_time: bool,
}

impl Link {
    /// What all of these dashboards are tagged with.
    pub const TAG: &'static str = "burnwatch";

    const SIBLINGS: Link = Link {
        title: "burnwatch",
        kind: "dashboards",
        tags: [Link::TAG],
        icon: "external link",
        tooltip: "The other dashboards of burnwatch",
        url: "",
        as_dropdown: false,
        target_blank: false,
        include_vars: false,
        keep_time: false,
    };
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct DataSource {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub uid: &'static str,
}

impl DataSource {
    pub const CHOSEN: DataSource = DataSource { kind: "prometheus", uid: CHOSEN };
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Panel {
    pub id: u32,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub datasource: DataSource,
    pub grid_pos: GridPos,
    pub targets: Vec<Target>,
    pub field_config: FieldConfig,
    pub options: Options,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transformations: Vec<Transformation>,
}

/// Where a panel stands, in a grid of 24 columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct GridPos {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    pub ref_id: String,
    pub datasource: DataSource,
    pub expr: String,
    pub legend_format: String,
    pub instant: bool,
    pub range: bool,
    pub format: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub struct FieldConfig {
    pub defaults: Field,
    pub overrides: Vec<Override>,
}

/// How values are shown.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_value: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
}

#[derive(Debug, Serialize)]
pub struct Color {
    pub mode: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Thresholds {
    pub mode: &'static str,
    pub steps: Vec<Step>,
}

/// From `value` on (everything, where there is none) the colour.
#[derive(Debug, Serialize)]
pub struct Step {
    pub value: Option<f64>,
    pub color: &'static str,
}

/// How lines and cells look.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Custom {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_width: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill_opacity: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacking: Option<Stacking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds_style: Option<Mode>,
}

#[derive(Debug, Serialize)]
pub struct Stacking {
    pub mode: &'static str,
    pub group: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Mode {
    pub mode: &'static str,
}

/// What is other for one field.
#[derive(Debug, Serialize)]
pub struct Override {
    pub matcher: Matcher,
    pub properties: Vec<Property>,
}

#[derive(Debug, Serialize)]
pub struct Matcher {
    pub id: &'static str,
    pub options: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Property {
    pub id: &'static str,
    pub value: serde_json::Value,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Options {
    #[serde(rename_all = "camelCase")]
    Single {
        reduce_options: Reduce,
        color_mode: &'static str,
        graph_mode: &'static str,
        text_mode: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    Bars {
        reduce_options: Reduce,
        orientation: &'static str,
        display_mode: &'static str,
        show_unfilled: bool,
    },
    Lines {
        legend: Legend,
        tooltip: Tooltip,
    },
    #[serde(rename_all = "camelCase")]
    Table {
        show_header: bool,
        cell_height: &'static str,
        sort_by: Vec<SortBy>,
    },
}

#[derive(Debug, Serialize)]
pub struct Reduce {
    pub values: bool,
    pub calcs: [&'static str; 1],
    pub fields: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Legend {
    pub show_legend: bool,
    pub display_mode: &'static str,
    pub placement: &'static str,
    pub calcs: [&'static str; 1],
}

#[derive(Debug, Serialize)]
pub struct Tooltip {
    pub mode: &'static str,
    pub sort: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SortBy {
    pub display_name: &'static str,
    pub desc: bool,
}

#[derive(Debug, Serialize)]
pub struct Transformation {
    pub id: &'static str,
    pub options: serde_json::Value,
}

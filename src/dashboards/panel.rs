//! Panels by what they are for, in the look that all of them share.

use crate::dashboards::grafana::{
    Color, Custom, DataSource, FieldConfig, GridPos, Legend, Matcher, Mode, Options, Override, Panel, Property, Reduce,
    SortBy, Stacking, Step, Target, Thresholds, Tooltip, Transformation,
};

const GREEN: &str = "green";
const YELLOW: &str = "yellow";
const ORANGE: &str = "orange";
const RED: &str = "red";

/// Its size when nothing else is said: a sixth of the width for a number, half of it for lines.
const NUMBER: GridPos = GridPos { x: 0, y: 0, w: 4, h: 4 };
const GRAPH: GridPos = GridPos { x: 0, y: 0, w: 12, h: 9 };

fn panel(kind: &'static str, title: &'static str, description: &'static str, options: Options, size: GridPos) -> Panel {
    Panel {
        id: 0,
        kind,
        title,
        description,
        datasource: DataSource::CHOSEN,
        grid_pos: size,
        targets: Vec::new(),
        field_config: FieldConfig::default(),
        options,
        transformations: Vec::new(),
    }
}

/// The rate of some counters, together, over what a graph's points are apart.
pub fn rate(counters: &str) -> String {
    format!("sum(rate({counters}[$__rate_interval]))")
}

fn last() -> Reduce {
    Reduce { values: false, calcs: ["lastNotNull"], fields: "" }
}

/// One number.
pub fn stat(title: &'static str, description: &'static str, unit: &'static str) -> Panel {
    let options =
        Options::Single { reduce_options: last(), color_mode: "value", graph_mode: "none", text_mode: "auto" };
    panel("stat", title, description, options, NUMBER).in_unit(unit)
}

/// The name of the one series there is.
pub fn word(title: &'static str, description: &'static str) -> Panel {
    let options =
        Options::Single { reduce_options: last(), color_mode: "value", graph_mode: "none", text_mode: "name" };
    panel("stat", title, description, options, NUMBER).in_unit("none")
}

/// Lines over time.
pub fn lines(title: &'static str, description: &'static str, unit: &'static str) -> Panel {
    let legend = Legend { show_legend: true, display_mode: "list", placement: "bottom", calcs: ["lastNotNull"] };
    let options = Options::Lines { legend, tooltip: Tooltip { mode: "multi", sort: "desc" } };
    let mut panel = panel("timeseries", title, description, options, GRAPH).in_unit(unit);
    panel.field_config.defaults.custom =
        Some(Custom { line_width: Some(1), fill_opacity: Some(10), ..Custom::default() });
    panel
}

/// A bar for each series.
pub fn bars(title: &'static str, description: &'static str, unit: &'static str) -> Panel {
    let options = Options::Bars {
        reduce_options: last(),
        orientation: "horizontal",
        display_mode: "gradient",
        show_unfilled: true,
    };
    panel("bargauge", title, description, options, GRAPH).in_unit(unit)
}

/// One line for each series, sorted by a column.
pub fn table(title: &'static str, description: &'static str, sorted_by: &'static str) -> Panel {
    let sort_by = vec![SortBy { display_name: sorted_by, desc: false }];
    let options = Options::Table { show_header: true, cell_height: "sm", sort_by };
    panel("table", title, description, options, GridPos { w: 24, ..GRAPH }).in_unit("short")
}

impl Panel {
    pub fn sized(mut self, w: u32, h: u32) -> Panel {
        self.grid_pos = GridPos { x: 0, y: 0, w, h };
        self
    }

    fn in_unit(mut self, unit: &'static str) -> Panel {
        self.field_config.defaults.unit = unit;
        self
    }

    /// Asks for `expr` over the time shown, or, where only the present counts, now.
    pub fn asking(mut self, expr: impl Into<String>, legend: &str) -> Panel {
        let (is_lines, is_table) = (self.kind == "timeseries", self.kind == "table");
        let letter = char::from(b'A' + self.targets.len() as u8);
        self.targets.push(Target {
            ref_id: letter.to_string(),
            datasource: DataSource::CHOSEN,
            expr: expr.into(),
            legend_format: legend.to_string(),
            instant: !is_lines,
            range: is_lines,
            format: if is_table { "table" } else { "time_series" },
        });
        self
    }

    pub fn between(mut self, min: Option<f64>, max: Option<f64>) -> Panel {
        (self.field_config.defaults.min, self.field_config.defaults.max) = (min, max);
        self
    }

    pub fn decimals(mut self, decimals: u8) -> Panel {
        self.field_config.defaults.decimals = Some(decimals);
        self
    }

    /// What stands there while there is nothing.
    pub fn or_else(mut self, text: &'static str) -> Panel {
        self.field_config.defaults.no_value = Some(text);
        self
    }

    /// Red once the budget is spent, green while more than half of it is left.
    pub fn coloured_by_budget(self) -> Panel {
        self.coloured(vec![(None, RED), (Some(0.0), ORANGE), (Some(0.25), YELLOW), (Some(0.5), GREEN)])
    }

    /// Red from 1 on.
    pub fn coloured_by_alarm(self) -> Panel {
        self.coloured(vec![(None, GREEN), (Some(1.0), RED)])
    }

    /// Yellow under nine tenths, as `partial` says it.
    pub fn coloured_by_coverage(self) -> Panel {
        self.coloured(vec![(None, YELLOW), (Some(0.9), GREEN)])
    }

    fn coloured(mut self, steps: Vec<(Option<f64>, &'static str)>) -> Panel {
        let defaults = &mut self.field_config.defaults;
        let steps = steps.into_iter().map(|(value, color)| Step { value, color }).collect();
        defaults.thresholds = Some(Thresholds { mode: "absolute", steps });
        defaults.color = Some(Color { mode: "thresholds" });
        self
    }

    /// Dashed lines at these values, in colours that grow hotter.
    pub fn with_lines_at(mut self, values: &[f64]) -> Panel {
        let hot = [YELLOW, ORANGE, "semi-dark-red", RED];
        let lines = values.iter().zip(hot).map(|(value, color)| Step { value: Some(*value), color });
        let steps = [Step { value: None, color: GREEN }].into_iter().chain(lines).collect();
        let defaults = &mut self.field_config.defaults;
        defaults.thresholds = Some(Thresholds { mode: "absolute", steps });
        defaults.custom.get_or_insert_default().thresholds_style = Some(Mode { mode: "dashed" });
        self
    }

    /// Lines that add up.
    pub fn stacked(mut self) -> Panel {
        let custom = self.field_config.defaults.custom.get_or_insert_default();
        custom.stacking = Some(Stacking { mode: "normal", group: "A" });
        custom.fill_opacity = Some(40);
        self
    }

    /// One line with the values of all questions, by the labels that they share; columns are called so, in this order,
    /// and all others are left out.
    pub fn joined(mut self, columns: &[(&str, &str)]) -> Panel {
        let names: serde_json::Map<_, _> =
            columns.iter().map(|(field, name)| (field.to_string(), (*name).into())).collect();
        let order: serde_json::Map<_, _> =
            columns.iter().enumerate().map(|(index, (field, _))| (field.to_string(), index.into())).collect();
        let included: Vec<&str> = columns.iter().map(|(field, _)| *field).collect();
        let pattern = serde_json::json!({ "include": { "names": included } });
        let organized = serde_json::json!({ "renameByName": names, "indexByName": order, "excludeByName": {} });
        self.transformations = vec![
            Transformation { id: "merge", options: serde_json::json!({}) },
            Transformation { id: "filterFieldsByName", options: pattern },
            Transformation { id: "organize", options: organized },
        ];
        self
    }

    /// How the values of one column are shown.
    pub fn column(mut self, name: &'static str, properties: Vec<(&'static str, serde_json::Value)>) -> Panel {
        let properties = properties.into_iter().map(|(id, value)| Property { id, value }).collect();
        let matcher = Matcher { id: "byName", options: name };
        self.field_config.overrides.push(Override { matcher, properties });
        self
    }
}

/// The property of a column whose cells are coloured by the budget that is left.
pub fn budget_cells() -> Vec<(&'static str, serde_json::Value)> {
    let steps = serde_json::json!([
        { "value": null, "color": RED }, { "value": 0, "color": ORANGE },
        { "value": 0.25, "color": YELLOW }, { "value": 0.5, "color": GREEN },
    ]);
    vec![
        ("unit", "percentunit".into()),
        ("decimals", 1.into()),
        ("thresholds", serde_json::json!({ "mode": "absolute", "steps": steps })),
        ("custom.cellOptions", serde_json::json!({ "type": "color-text" })),
    ]
}

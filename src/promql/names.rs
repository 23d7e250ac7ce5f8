//! The one place that spells a series name. Never knows what a series is worth.

use crate::units::Span;

/// The label that holds a series' name.
pub const NAME_LABEL: &str = "__name__";
/// The label that holds a bucket's upper bound, inclusive.
pub const BOUND_LABEL: &str = "le";

/// When a process started, in seconds since 1970; most client libraries export it.
pub const PROCESS_START: &str = "process_start_time_seconds";
/// Whether a target answered its scrape: 1 or 0; made by who scrapes.
pub const UP: &str = "up";
pub const PROCESS_CPU: &str = "process_cpu_seconds_total";
pub const PROCESS_MEMORY: &str = "process_resident_memory_bytes";
pub const PROCESS_FILES: &str = "process_open_fds";
pub const PROCESS_MAX_FILES: &str = "process_max_fds";

pub const SLO_INFO: &str = "burnwatch_slo_info";
pub const SLO_OBJECTIVE: &str = "burnwatch_slo_objective_ratio";
pub const SLO_WINDOW: &str = "burnwatch_slo_window_seconds";
pub const SLO_EVENTS: &str = "burnwatch_slo_events_total";
pub const SLO_BAD_EVENTS: &str = "burnwatch_slo_bad_events_total";
pub const SLO_SLI: &str = "burnwatch_slo_sli_ratio";
pub const SLO_COVERAGE: &str = "burnwatch_slo_coverage_ratio";
pub const SLO_BUDGET_REMAINING: &str = "burnwatch_slo_error_budget_remaining_ratio";
pub const SLO_BURN_RATE: &str = "burnwatch_slo_burn_rate";
pub const SLO_TIME_TO_EXHAUSTION: &str = "burnwatch_slo_time_to_exhaustion_seconds";
pub const SLO_STATE: &str = "burnwatch_slo_state";
pub const SLO_LAST_MEASURED: &str = "burnwatch_slo_last_measured_timestamp_seconds";
pub const SLO_LATENCY: &str = "burnwatch_slo_latency_seconds";
pub const ALERT_ACTIVE: &str = "burnwatch_alert_active";

pub const HOST_POWER: &str = "burnwatch_host_power_watts";
pub const HOST_POWER_PEAK: &str = "burnwatch_host_power_peak_watts";
pub const HOST_ENERGY: &str = "burnwatch_host_energy_joules_total";
pub const HOST_SUBDOMAIN_ENERGY: &str = "burnwatch_host_subdomain_energy_joules_total";
pub const PLATFORM_ENERGY: &str = "burnwatch_platform_energy_joules_total";
pub const GPU_ENERGY: &str = "burnwatch_gpu_energy_joules_total";
pub const UNATTRIBUTED_ENERGY: &str = "burnwatch_unattributed_energy_joules_total";
pub const IDLE_ENERGY: &str = "burnwatch_idle_energy_joules_total";
pub const SERVICE_REQUESTS: &str = "burnwatch_service_requests_total";
pub const SERVICE_ENERGY: &str = "burnwatch_service_energy_joules_total";
pub const SERVICE_CARBON: &str = "burnwatch_service_carbon_grams_total";
pub const CARBON_INTENSITY: &str = "burnwatch_carbon_intensity_grams_per_kilowatthour";
pub const METER_UP: &str = "burnwatch_meter_up";
pub const METER_INFO: &str = "burnwatch_meter_info";
pub const METER_WRAPS: &str = "burnwatch_meter_wraps_total";
pub const METER_RESETS: &str = "burnwatch_meter_resets_total";
pub const METER_GAPS: &str = "burnwatch_meter_gaps_total";
pub const METER_READ_ERRORS: &str = "burnwatch_meter_read_errors_total";
pub const LOW_POWER_MODE: &str = "burnwatch_low_power_mode";
pub const SERVICE_REQUESTS_PER_WATTHOUR: &str = "burnwatch_service_requests_per_watthour";
pub const SERVICE_JOULES_PER_REQUEST: &str = "burnwatch_service_energy_joules_per_request";
pub const SERVICE_GRAMS_PER_REQUEST: &str = "burnwatch_service_carbon_grams_per_request";

pub const TICK_DURATION: &str = "burnwatch_tick_duration_seconds";
pub const TICK_LAST: &str = "burnwatch_tick_last_timestamp_seconds";
pub const SOURCE_UP: &str = "burnwatch_source_up";
pub const SOURCE_QUERIES: &str = "burnwatch_source_queries_total";
pub const SOURCE_SAMPLES: &str = "burnwatch_source_samples_total";
pub const SOURCE_SERIES: &str = "burnwatch_source_series";
pub const BAD_SAMPLES: &str = "burnwatch_bad_samples_total";
pub const RULES_HEALTHY: &str = "burnwatch_rules_healthy";
pub const RELOAD_SUCCESSFUL: &str = "burnwatch_config_last_reload_successful";
pub const RELOAD_SUCCESS_TIME: &str = "burnwatch_config_last_reload_success_timestamp_seconds";
pub const BACKFILL_REMAINING: &str = "burnwatch_backfill_remaining_seconds";
pub const NOTIFICATIONS: &str = "burnwatch_notifications_total";
pub const NOTIFICATIONS_PENDING: &str = "burnwatch_notifications_pending";
pub const HTTP_REQUESTS: &str = "burnwatch_http_requests_total";
pub const HTTP_REQUEST_DURATION: &str = "burnwatch_http_request_duration_seconds";
pub const BUILD_INFO: &str = "burnwatch_build_info";

/// What the name of a classic histogram's buckets ends with.
pub const BUCKET_SUFFIX: &str = "_bucket";

/// Where a classic histogram keeps its buckets.
pub fn bucket(histogram: &str) -> String {
    format!("{histogram}{BUCKET_SUFFIX}")
}

/// Where a classic histogram keeps how many observations there were.
pub fn count(histogram: &str) -> String {
    format!("{histogram}_count")
}

/// What rule files record of each SLO, under the labels `service` and `slo`: events a second, over a window.
pub fn recorded_events_rate(over: Span) -> String {
    format!("slo:events:rate{over}")
}

/// The bad ones among [`recorded_events_rate`].
pub fn recorded_bad_events_rate(over: Span) -> String {
    format!("slo:bad_events:rate{over}")
}

/// How many events there were in a window.
pub fn recorded_events_count(over: Span) -> String {
    format!("slo:events:count{over}")
}

/// The bad ones among [`recorded_events_count`].
pub fn recorded_bad_events_count(over: Span) -> String {
    format!("slo:bad_events:count{over}")
}

/// How many times faster than allowed the budget was spent over a window.
pub fn recorded_burn_rate(over: Span) -> String {
    format!("slo:burn_rate:{over}")
}

/// The share of the budget that is left, over the SLO's window.
pub const RECORDED_BUDGET_REMAINING: &str = "slo:error_budget_remaining:ratio";
/// The share of the SLO's window that was measured.
pub const RECORDED_COVERAGE: &str = "slo:window_coverage:ratio";

#[cfg(test)]
mod tests {
    use crate::promql::Selector;

    /// Every name this file spells.
    fn spelled() -> Vec<&'static str> {
        include_str!("names.rs")
            .split('"')
            .filter(|text| text.starts_with("burnwatch_") && *text != "burnwatch_")
            .collect()
    }

    #[test]
    fn every_name_is_a_metric_and_stands_once() {
        let mut names = spelled();
        assert!(names.len() > 20, "{names:?}");
        assert!(names.iter().all(|name| Selector::parse(name).is_ok_and(|read| read.metric() == *name)), "{names:?}");
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

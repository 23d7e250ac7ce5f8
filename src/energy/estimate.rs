//! What a processor draws by a rule of thumb, where nothing measures it: its design power times a curve of how busy it
//! is. Never knows where the numbers come from; what leaves here is told as an estimate everywhere.

use crate::units::{Ratio, Watts};

/// Shares of the design power by how busy the processor is, straight between the points: means of Intel servers
/// measured with `turbostat` by Teads Engineering (B. Davy, "Estimating AWS EC2 Instances Power Consumption", 2021).
/// Other processors differ by tens of percent.
const CURVE: [(f64, f64); 4] = [(0.0, 0.12), (0.1, 0.32), (0.5, 0.75), (1.0, 1.02)];

/// Of a processor whose design power was not declared: 4 W for each thread, as codecarbon has it.
const WATTS_PER_CPU: f64 = 4.0;

/// The design power that is taken where none is declared, of all sockets together.
pub fn tdp(cpus: u32) -> Watts {
    watts(WATTS_PER_CPU * f64::from(cpus.max(1)))
}

/// What a processor of this design power draws.
pub fn power(busy: Ratio, tdp: Watts) -> Watts {
    let busy = busy.get();
    let steps = CURVE.iter().zip(&CURVE[1..]);
    let share = steps.fold(CURVE[0].1, |share, ((from, low), (to, high))| {
        share + (high - low) * ((busy - from) / (to - from)).clamp(0.0, 1.0)
    });
    watts(tdp.get() * share)
}

fn watts(watts: f64) -> Watts {
    Watts::new(watts).unwrap_or(Watts::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(busy: f64, expected: f64) {
        let watts = power(Ratio::held(busy), watts(100.0)).get();
        assert!((watts - expected).abs() < 1e-9, "{busy}: {watts}");
    }

    #[test]
    fn runs_through_the_measured_points_and_straight_between_them() {
        check(0.0, 12.0);
        check(0.05, 22.0);
        check(0.1, 32.0);
        check(0.3, 53.5);
        check(0.5, 75.0);
        check(0.75, 88.5);
        check(1.0, 102.0);
    }

    #[test]
    fn is_never_nothing_not_even_for_a_processor_that_does_nothing() {
        let unknown = tdp(0);
        assert_eq!(unknown.get(), 4.0);
        assert!(power(Ratio::NOTHING, unknown).get() > 0.0);
        assert_eq!(tdp(16).get(), 64.0);
    }
}

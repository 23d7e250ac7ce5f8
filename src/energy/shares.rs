//! Whose energy it was: what was measured between two readings is idle, a service's, or nobody's, to the microjoule.
//! Never knows how energy or CPU time is read, nor what a request is.

use std::cmp::Reverse;

use crate::units::{Microjoules, Ratio, Span, Watts};

/// Fixed shares are held in millionths, so that every division is one of whole numbers.
const WHOLE: u128 = 1_000_000;

/// The highest bit of CPU time in a division: 44 bits, the shares' 20 and the energy's 64 are 128.
const CPU_BITS: u32 = 43;

/// What the whole host spent between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    pub energy: Microjoules,
    pub took: Span,
    /// What the host draws when it does nothing; `None` where that is not known: then all energy is dynamic.
    pub idle: Option<Watts>,
    /// CPU time in microseconds that all CPUs together were busy. Stolen time is none of it.
    pub busy: u64,
}

/// What one service lays claim to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Claim {
    /// CPU time in microseconds.
    Cpu(u64),
    /// This share of the dynamic energy, whatever it does.
    Share(Ratio),
}

/// Who spent it. Together they are exactly what was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// What the host had drawn anyway.
    pub idle: Microjoules,
    /// In the order of the claims.
    pub services: Vec<Microjoules>,
    pub unattributed: Microjoules,
}

/// Splits what was spent. CPU time counts as its share of the busy time. Claims to more than there is are
/// held to it: those by CPU time to what fixed shares leave.
pub fn split(spent: &Spent, claims: &[Claim]) -> Split {
    let idle = spent.idle.map_or(Microjoules::ZERO, |idle| idle.during(spent.took)).min(spent.energy);
    let mut services = apportioned(spent.energy - idle, &weights(spent.busy, claims));
    let unattributed = services.pop().unwrap_or_default();
    Split { idle, services, unattributed }
}

/// What each claim weighs, and last what nobody claims.
fn weights(busy: u64, claims: &[Claim]) -> Vec<u128> {
    let cpu = |claim: &Claim| if let Claim::Cpu(micros) = claim { u128::from(*micros) } else { 0 };
    let used: u128 = claims.iter().map(cpu).sum();
    let scale = used.max(busy.into()).checked_ilog2().map_or(0, |bits| bits.saturating_sub(CPU_BITS));
    let (used, busy) = (claims.iter().map(|claim| cpu(claim) >> scale).sum::<u128>(), u128::from(busy) >> scale);
    let fixed = fixed_shares(claims);
    let left = WHOLE - fixed.iter().sum::<u128>();
    let is_overdrawn = used * WHOLE > left * busy;
    let (whole, rate) = if is_overdrawn { (used, left) } else { (busy.max(1), WHOLE) };
    let weigh = |(claim, share): (&Claim, &u128)| (cpu(claim) >> scale) * rate + share * whole;
    let mut weights: Vec<u128> = claims.iter().zip(&fixed).map(weigh).collect();
    weights.push(whole * WHOLE - weights.iter().sum::<u128>());
    weights
}

/// The fixed shares in millionths, 0 for the other claims; of more than the whole, the later ones get what is left.
fn fixed_shares(claims: &[Claim]) -> Vec<u128> {
    let mut left = WHOLE;
    let share = |claim: &Claim| {
        let wanted = if let Claim::Share(share) = claim { (share.get() * WHOLE as f64).round() as u128 } else { 0 };
        let granted = wanted.min(left);
        left -= granted;
        granted
    };
    claims.iter().map(share).collect()
}

/// `energy` by weight: rounded down, and what that leaves goes microjoule by microjoule to the largest remainders.
fn apportioned(energy: Microjoules, weights: &[u128]) -> Vec<Microjoules> {
    let whole = weights.iter().sum::<u128>().max(1);
    let exact = |weight: &u128| u128::from(energy.get()) * weight;
    let mut parts: Vec<u64> = weights.iter().map(|weight| (exact(weight) / whole) as u64).collect();
    let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
    by_remainder.sort_by_key(|part| Reverse(exact(&weights[*part]) % whole));
    let left = (energy.get() - parts.iter().sum::<u64>()) as usize;
    by_remainder.iter().take(left).for_each(|part| parts[*part] += 1);
    parts.into_iter().map(Microjoules::new).collect()
}

/// A counter of CPU time in microseconds, as it was last seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuCounter(Option<u64>);

impl CpuCounter {
    /// What passed on the whole host since the look before; nothing at the first, and where CPUs were taken away. `None`
    /// where it cannot be read: the next look tells for this one too.
    pub fn passed(&mut self, micros: Option<u64>) -> u64 {
        let Some(micros) = micros else { return 0 };
        micros.saturating_sub(self.0.replace(micros).unwrap_or(micros))
    }

    /// What a service used since the look before; nothing at the first. One that fell was restarted and counts from zero.
    /// `None` as for [`CpuCounter::passed`].
    pub fn gained(&mut self, micros: Option<u64>) -> u64 {
        let Some(micros) = micros else { return 0 };
        let before = self.0.replace(micros).unwrap_or(micros);
        micros.checked_sub(before).unwrap_or(micros)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// In a second.
    fn spent(energy: u64, idle: Option<f64>, busy: u64) -> Spent {
        Spent { energy: Microjoules::new(energy), took: Span::seconds(1), idle: idle.and_then(Watts::new), busy }
    }

    #[track_caller]
    fn check(spent: Spent, claims: &[Claim], idle: u64, services: &[u64], unattributed: u64) {
        let services = services.iter().copied().map(Microjoules::new).collect();
        let (idle, unattributed) = (Microjoules::new(idle), Microjoules::new(unattributed));
        assert_eq!(split(&spent, claims), Split { idle, services, unattributed });
    }

    #[test]
    fn idle_is_apart_and_the_rest_goes_by_cpu_time() {
        check(
            spent(60_000_000, Some(20.0), 1_000_000),
            &[Claim::Cpu(500_000), Claim::Cpu(250_000)],
            20_000_000,
            &[20_000_000, 10_000_000],
            10_000_000,
        );
    }

    #[test]
    fn where_idle_power_is_not_known_all_is_dynamic_and_it_is_never_more_than_was_measured() {
        check(spent(60, None, 100), &[Claim::Cpu(50)], 0, &[30], 30);
        check(spent(60, Some(1.0), 100), &[Claim::Cpu(50)], 60, &[0], 0);
    }

    #[test]
    fn a_fixed_share_is_of_the_dynamic_energy_whatever_is_busy() {
        let tenth = Claim::Share(Ratio::held(0.1));
        check(spent(1_000, None, 0), &[tenth], 0, &[100], 900);
        check(spent(1_000, None, 100), &[tenth, Claim::Cpu(50)], 0, &[100, 500], 400);
    }

    #[test]
    fn who_claims_more_than_there_is_gets_what_there_is() {
        check(spent(900, None, 100), &[Claim::Cpu(200), Claim::Cpu(100)], 0, &[600, 300], 0);
        let half = Claim::Share(Ratio::held(0.5));
        check(spent(900, None, 100), &[half, Claim::Cpu(60), Claim::Cpu(30)], 0, &[450, 300, 150], 0);
        check(spent(900, None, 100), &[Claim::Share(Ratio::ALL), half, Claim::Cpu(9)], 0, &[900, 0, 0], 0);
    }

    #[test]
    fn without_cpu_time_nobody_is_charged_and_without_services_it_is_nobodys() {
        check(spent(900, None, 0), &[Claim::Cpu(0)], 0, &[0], 900);
        check(spent(900, None, 0), &[Claim::Cpu(5)], 0, &[900], 0);
        check(spent(900, None, 100), &[], 0, &[], 900);
    }

    #[test]
    fn a_microjoule_that_nobody_has_earned_whole_goes_to_who_is_nearest() {
        check(spent(10, None, 3), &[Claim::Cpu(1), Claim::Cpu(1), Claim::Cpu(1)], 0, &[4, 3, 3], 0);
        check(spent(1, None, 10), &[Claim::Cpu(4), Claim::Cpu(6)], 0, &[0, 1], 0);
    }

    #[test]
    fn a_restarted_counter_counts_from_zero_and_an_unreadable_one_catches_up() {
        let mut time = CpuCounter::default();
        let gained = [Some(500), Some(700), Some(40), None, Some(100), Some(0), Some(0), Some(9)];
        assert_eq!(gained.map(|micros| time.gained(micros)), [0, 200, 40, 0, 60, 0, 0, 9]);
        let mut host = CpuCounter::default();
        assert_eq!(gained.map(|micros| host.passed(micros)), [0, 200, 0, 0, 60, 0, 0, 9]);
    }

    fn claim() -> impl Strategy<Value = Claim> {
        let micros = prop_oneof![Just(0), Just(u64::MAX), 0..8_000_000u64, any::<u64>()];
        prop_oneof![micros.prop_map(Claim::Cpu), (0.0..1.0).prop_map(|share| Claim::Share(Ratio::held(share)))]
    }

    fn any_spent() -> impl Strategy<Value = Spent> {
        let energy = prop_oneof![Just(0), 0..500_000_000u64, any::<u64>()];
        let busy = prop_oneof![Just(0), 0..8_000_000u64, any::<u64>()];
        let idle = prop::option::of(0.0..400.0);
        (energy, 0..600_000i64, idle, busy)
            .prop_map(|(energy, took, idle, busy)| Spent { took: Span::millis(took), ..spent(energy, idle, busy) })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_parts_are_exactly_the_whole(spent in any_spent(), claims in prop::collection::vec(claim(), 0..12)) {
            let split = split(&spent, &claims);
            let parts = split.services.iter().chain([&split.idle, &split.unattributed]);
            prop_assert_eq!(parts.map(|part| u128::from(part.get())).sum::<u128>(), u128::from(spent.energy.get()));
            prop_assert_eq!(split.services.len(), claims.len());
        }

        #[test]
        fn a_service_without_cpu_time_changes_nothing(
            spent in any_spent(), claims in prop::collection::vec(claim(), 0..12)
        ) {
            let mut more = claims.clone();
            more.push(Claim::Cpu(0));
            let (mut with, without) = (split(&spent, &more), split(&spent, &claims));
            prop_assert_eq!(with.services.pop(), Some(Microjoules::ZERO));
            prop_assert_eq!(with, without);
        }

        #[test]
        fn nobody_gets_more_than_was_claimed_but_for_a_microjoule(
            energy in 0..500_000_000u64, busy in 1..8_000_000u64, shares in prop::collection::vec(0..1_000_000u64, 0..8)
        ) {
            let claims: Vec<Claim> = shares.iter().map(|micros| Claim::Cpu(*micros)).collect();
            for (micros, got) in shares.iter().zip(split(&spent(energy, None, busy), &claims).services) {
                let earned = energy as f64 * *micros as f64 / busy as f64;
                prop_assert!(got.get() as f64 <= earned + 1.0, "{got:?} of {earned}");
            }
        }
    }
}

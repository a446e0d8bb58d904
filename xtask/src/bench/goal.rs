//! What a hook may cost: goals that are printed next to the results, and not tested.

use xtask::measurement::{Caller, Measurement};

/// Per crossing, in instructions: a host caller whom the hook lets pass.
pub(super) const PASS: u64 = 10;
/// A host caller who gets the host's own value from us while a gate is open.
pub(super) const SHADOW: u64 = 30;
/// A caller in a namespace without a policy.
pub(super) const NAMESPACE: u64 = 80;
/// A caller in a container, answered by its policy.
pub(super) const CONTAINER: u64 = 120;

/// Returns what all crossings of one operation may cost together.
pub(super) fn of(measurement: &Measurement) -> u64 {
    let crossings = measurement.crossings.iter();
    crossings
        .map(|it| it.count * per_crossing(measurement.state.caller, &it.kind))
        .sum()
}

fn per_crossing(caller: Caller, kind: &str) -> u64 {
    match (caller, kind) {
        (Caller::Host, "shadow") => SHADOW,
        (Caller::Host, _) => PASS,
        (Caller::Namespace, _) => NAMESPACE,
        (Caller::Container, _) => CONTAINER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask::measurement::{Crossing, Stage, State, Workload};

    fn measured_by(caller: Caller) -> Measurement {
        let crossing = |kind: &str, count| Crossing {
            symbol: "f".to_owned(),
            kind: kind.to_owned(),
            count,
        };
        Measurement {
            workload: Workload::MmapMunmap,
            state: State {
                caller,
                module: Stage::Active,
            },
            samples: 1000,
            min: 1,
            median: 1,
            crossings: vec![crossing("repl", 2), crossing("shadow", 1)],
        }
    }

    #[test]
    fn sums_over_the_crossings() {
        assert_eq!(of(&measured_by(Caller::Host)), 2 * 10 + 30);
        assert_eq!(of(&measured_by(Caller::Namespace)), 3 * 80);
        assert_eq!(of(&measured_by(Caller::Container)), 3 * 120);
    }
}

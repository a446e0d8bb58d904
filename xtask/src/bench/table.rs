//! The results as a table for people.

use xtask::measurement::{Crossing, Measurement, State, Workload};

use super::{goal, Run};

/// Prints one block for each workload.
pub(super) fn print(run: &Run, workloads: &[Workload]) {
    println!("instructions per operation; more than with the module absent, and the ratio:");
    println!("by the minimum, and by the median of fork-exit, which sleeps");
    println!(
        "goals per crossing: host {} ({} while a gate is open), namespace without policy {}, container {}",
        goal::PASS,
        goal::SHADOW,
        goal::NAMESPACE,
        goal::CONTAINER
    );
    for workload in workloads {
        println!();
        println!("{}", header(*workload));
        for state in State::ALL {
            let base = run.find(*workload, state.base());
            if let (Some(it), Some(base)) = (run.find(*workload, *state), base) {
                println!("{}", row(it, base));
            }
        }
    }
}

fn header(workload: Workload) -> String {
    format!(
        "{:<18} {:>9} {:>9} {:>6} {:>7} {:>5}  {}",
        workload.name(),
        "min",
        "median",
        "more",
        "ratio",
        "goal",
        "crossings"
    )
}

fn row(it: &Measurement, base: &Measurement) -> String {
    let more = it.cost() as i64 - base.cost() as i64;
    let ratio = it.cost() as f64 / base.cost() as f64;
    let crossings: Vec<String> = it.crossings.iter().map(crossing).collect();
    let text = format!(
        "{:<18} {:>9} {:>9} {more:>6} {ratio:>7.4} {:>5}  {}",
        it.state.to_string(),
        it.min,
        it.median,
        goal::of(it),
        crossings.join(", ")
    );
    text.trim_end().to_owned()
}

fn crossing(crossing: &Crossing) -> String {
    match crossing.count {
        1 => crossing.symbol.clone(),
        count => format!("{count} {}", crossing.symbol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(min: u64, crossings: Vec<Crossing>) -> Measurement {
        Measurement {
            workload: Workload::MmapMunmap,
            state: State::ALL[2],
            samples: 1000,
            min,
            median: min + 5,
            crossings,
        }
    }

    #[test]
    fn a_row_compares_with_the_module_absent() {
        let crossings = vec![Crossing {
            symbol: "__vm_enough_memory".to_owned(),
            kind: "repl".to_owned(),
            count: 2,
        }];
        assert_eq!(
            row(&measured(1010, crossings), &measured(1000, Vec::new())),
            "host/active             1010      1015     10  1.0100    20  2 __vm_enough_memory"
        );
    }
}

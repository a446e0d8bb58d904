//! The results as one JSON object.

use serde_json::{json, Value};
use xtask::measurement::{Measurement, Workload};

use super::{agreement, goal, Run};

/// Makes the object: the first run's numbers, and whether the others agree with them.
pub(super) fn document(kernel: &str, runs: &[Run]) -> Value {
    let disagreements = agreement::disagreements(runs);
    let results = runs.first().map(results).unwrap_or_default();
    json!({
        "version": 1,
        "unit": "instructions",
        "kernel": kernel,
        "runs": runs.len(),
        // One run agrees with nothing.
        "agree": (runs.len() > 1).then_some(disagreements.is_empty()),
        "disagreements": disagreements,
        "goals_per_crossing": {
            "pass": goal::PASS,
            "shadow": goal::SHADOW,
            "namespace": goal::NAMESPACE,
            "container": goal::CONTAINER,
        },
        "workloads": results,
    })
}

fn results(run: &Run) -> Vec<Value> {
    let of = |workload: &Workload| {
        let measurements = run.0.iter().filter(|it| it.workload == *workload);
        let states: Vec<Value> = measurements.map(|it| state(run, it)).collect();
        json!({ "name": workload.name(), "states": states })
    };
    let was_measured = |it: &&Workload| run.0.iter().any(|m| m.workload == **it);
    Workload::ALL.iter().filter(was_measured).map(of).collect()
}

fn state(run: &Run, it: &Measurement) -> Value {
    let mut value = json!({
        "caller": it.state.caller,
        "module": it.state.module,
        "samples": it.samples,
        "min": it.min,
        "median": it.median,
        "compared_by": if it.workload.sleeps() { "median" } else { "min" },
        "crossings": it.crossings,
        "goal": goal::of(it),
    });
    if let Some(base) = run.find(it.workload, it.state.base()) {
        value["difference"] = json!(it.cost() as i64 - base.cost() as i64);
        value["ratio"] = json!(it.cost() as f64 / base.cost() as f64);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask::measurement::State;

    #[test]
    fn compares_each_state_with_its_base() {
        let measured = |state: State, min| Measurement {
            workload: Workload::Getpid,
            state,
            samples: 1000,
            min,
            median: min,
            crossings: Vec::new(),
        };
        let run = Run(vec![
            measured(State::ALL[0], 200),
            measured(State::ALL[2], 202),
        ]);
        let document = document("7.2", &[run]);
        assert_eq!(document["version"], 1);
        assert_eq!(document["agree"], Value::Null);
        let states = &document["workloads"][0]["states"];
        assert_eq!(states[0]["difference"], 0);
        assert_eq!(states[1]["difference"], 2);
        assert_eq!(states[1]["ratio"], 1.01);
        assert_eq!(states[1]["module"], "active");
    }
}

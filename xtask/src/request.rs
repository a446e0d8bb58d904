//! What the guest program is asked to do: a file in the guest, written by xtask.

use serde::{Deserialize, Serialize};

use crate::measurement::Workload;

/// Where the payload is in the guest.
pub const PAYLOAD: &str = "/vk";

/// The request's file name in the payload.
pub const FILE: &str = "request.json";

/// The name of the virtio-serial port on which the guest reports.
pub const PORT: &str = "vk.report";

/// What to do in the guest.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Run the checks of these areas.
    Test {
        /// The areas, in order.
        areas: Vec<String>,
        /// Only checks whose name has this in it.
        only: Option<String>,
        /// Load the module with its hooks by the inline back end in all of them.
        is_inline: bool,
    },
    /// Run the demo.
    Demo,
    /// Give a prompt on the console.
    Shell,
    /// Load the KUnit module, whose results are in the kernel log.
    Kunit,
    /// Measure workloads in every state of the module.
    Bench {
        /// The workloads, in order.
        workloads: Vec<Workload>,
        /// How many single differences of each.
        samples: usize,
    },
    /// Measure one call of a function that is diverted, way by way.
    BenchHook,
    /// Measure the birth and the death of namespaces.
    Births,
    /// Let a program work in the host's mode and in its own, and compare.
    Effect,
    /// Measure forks with the hooks in and out, in turn.
    Forks,
    /// Measure recounts of what containers have committed.
    Recounts,
    /// Measure the first touch of ranges with huge pages and without.
    Touch,
    /// Measure programs in a container with huge pages and without.
    Programs,
    /// Measure the votes about ranges of pages.
    Vote,
    /// Run loads until their time is over.
    Torture {
        /// The loads; all, if empty.
        names: Vec<String>,
        /// How long each goes on.
        minutes: u64,
        /// Instead of for a time: until so many things are done.
        count: Option<u64>,
    },
    /// Run the kernel's selftests in a container, without the module and with it.
    Selftests {
        /// Only those whose name has one of these in it; all, if empty.
        names: Vec<String>,
    },
    /// End at once: tells whether the machine boots at all.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_way_into_the_guest() -> Result<(), serde_json::Error> {
        let request = Request::Test {
            areas: vec!["host".to_owned()],
            only: None,
            is_inline: false,
        };
        let text = serde_json::to_string(&request)?;
        assert_eq!(serde_json::from_str::<Request>(&text)?, request);
        Ok(())
    }
}

//! What came out of many comparisons.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Oracles, Outcome};

/// What came out of many comparisons.
#[derive(Default, Serialize, Deserialize)]
pub struct Tally {
    /// How many inputs there were.
    pub inputs: u64,
    /// The decoders that were asked.
    pub decoders: Vec<String>,
    /// How often a disagreement was explained by what.
    pub explained: BTreeMap<String, u64>,
    /// How often none was.
    pub unexplained: u64,
    /// The first of each kind of these, and how many there are.
    pub shown: BTreeMap<String, (u64, String)>,
}

impl Tally {
    /// Compares one input.
    pub fn take(&mut self, oracles: &mut Oracles, code: &[u8]) {
        self.inputs += 1;
        for outcome in oracles.compare(code) {
            match outcome {
                Outcome::Same => {}
                Outcome::Explained(reason) => *self.explained.entry(reason).or_default() += 1,
                Outcome::Unexplained { kind, why } => {
                    self.unexplained += 1;
                    self.shown.entry(kind).or_insert((0, why)).0 += 1;
                }
            }
        }
    }
}

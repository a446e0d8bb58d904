//! The sum of what is done side by side.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use crate::report::Report;

/// What those who run side by side report, and their first error.
#[derive(Default)]
pub(crate) struct Sum(Mutex<(Report, Option<anyhow::Error>)>);

impl Sum {
    /// Does a piece of the work, which reports on its own.
    pub(crate) fn take(&self, piece: impl FnOnce(&mut Report) -> Result<()>) {
        let mut report = Report::default();
        let outcome = piece(&mut report);
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sum.0.add(report);
        if let Err(error) = outcome {
            sum.1.get_or_insert(error);
        }
    }

    /// Adds all that was reported to `report`.
    ///
    /// # Errors
    ///
    /// The first error of a piece.
    pub(crate) fn into_report(self, report: &mut Report) -> Result<()> {
        let (its, error) = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.add(its);
        error.map_or(Ok(()), Err)
    }
}

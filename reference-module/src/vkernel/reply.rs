//! What can be read from an open file: an answer, and behind it what happens, if it watches.

use crate::events::Watcher;
use crate::output::Output;
use core::fmt::Write;
use kernel::prelude::*;
use vk_ffi_shims::bell;

/// An answer, and perhaps a stream.
pub(crate) struct Reply {
    pub(crate) answer: Output,
    watcher: Option<Watcher>,
}

impl Reply {
    pub(crate) const fn new() -> Self {
        Self {
            answer: Output::new(),
            watcher: None,
        }
    }

    /// Forgets the answer and ends the stream; who waits for an event of it looks again.
    pub(crate) fn clear(&mut self) {
        self.answer.clear();
        if self.watcher.take().is_some() {
            bell::ring();
        }
    }

    /// Lets events follow the answer.
    pub(crate) fn watch(&mut self) {
        self.watcher = Some(Watcher::new());
    }

    /// Tells whether it does not end.
    pub(crate) fn is_stream(&self) -> bool {
        self.watcher.is_some()
    }

    /// Goes on to the next event when all before it is read; tells whether it has yet to happen.
    ///
    /// # Errors
    ///
    /// No memory for its line, which then is the next one still.
    pub(crate) fn must_wait(&mut self) -> Result<bool> {
        let Some(watcher) = self.watcher.as_mut().filter(|_| self.answer.is_read()) else {
            return Ok(false);
        };
        let Some((told, cursor)) = watcher.next() else {
            return Ok(true);
        };
        self.answer.clear();
        writeln!(self.answer, "{told}").ok();
        if self.answer.is_short() {
            self.answer.clear();
            return Err(ENOMEM);
        }
        watcher.go_on(cursor);
        Ok(false)
    }
}

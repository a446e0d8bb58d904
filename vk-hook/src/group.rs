//! A group of hooks that a feature needs: all of them are in, or none.

use crate::{ArmError, Backend, DisarmError, HookId, State};
use core::marker::PhantomData;

/// The sites are untouched.
#[derive(Debug)]
pub enum Planned {}
/// Every site leads to its stub.
#[derive(Debug)]
pub enum Armed {}
/// Every site is restored; tasks may still be inside.
#[derive(Debug)]
pub enum Draining {}

/// The hooks of one feature, in the order in which they go in.
///
/// They come out in reverse. The type says where the group is in its life, so that nothing is
/// freed that is not drained: planned, armed, draining, planned again.
#[derive(Debug)]
#[must_use = "an armed group stays in the kernel's text"]
pub struct Group<'h, B, S> {
    backend: B,
    hooks: &'h [HookId],
    state: PhantomData<S>,
}

impl<'h, B: Backend, S> Group<'h, B, S> {
    /// Returns the hooks, in the order in which they go in.
    pub fn hooks(&self) -> &'h [HookId] {
        self.hooks
    }

    fn into_state<T>(self) -> Group<'h, B, T> {
        Group {
            backend: self.backend,
            hooks: self.hooks,
            state: PhantomData,
        }
    }
}

impl<'h, B: Backend> Group<'h, B, Planned> {
    /// Describes the hooks of a feature; touches nothing.
    pub fn new(backend: B, hooks: &'h [HookId]) -> Self {
        Self {
            backend,
            hooks,
            state: PhantomData,
        }
    }

    /// Puts all the hooks in, or none.
    ///
    /// All of them are [prepared](Backend::prepare) before the first goes in. Process context, may
    /// sleep; the caller serialises changes.
    ///
    /// # Errors
    ///
    /// The first refusal, and the group with what was in before it taken out again: tasks may still
    /// be inside, so that it has to be drained before anything is freed or it is armed once more.
    /// [`ArmError::stuck`] names a hook that could not be taken out; draining tries again.
    pub fn arm(self) -> Result<Group<'h, B, Armed>, (Group<'h, B, Draining>, ArmError)> {
        for &hook in self.hooks {
            if let Err(errno) = self.backend.prepare(hook) {
                let error = ArmError {
                    hook,
                    errno,
                    stuck: None,
                };
                return Err((self.into_state(), error));
            }
        }
        for (count, &hook) in self.hooks.iter().enumerate() {
            let Err(errno) = self.backend.arm(hook) else {
                continue;
            };
            let mut stuck = None;
            for &armed in self.hooks.iter().take(count).rev() {
                if self.backend.disarm(armed).is_err() {
                    stuck = Some(armed);
                }
            }
            let error = ArmError { hook, errno, stuck };
            return Err((self.into_state(), error));
        }
        Ok(self.into_state())
    }
}

impl<'h, B: Backend> Group<'h, B, Armed> {
    /// Takes the hooks out, last in first.
    ///
    /// Gates behind the hooks must be closed before.
    ///
    /// # Errors
    ///
    /// The group, still armed at least in part, and [`DisarmError::Stuck`]. It may be tried again.
    pub fn disarm(self) -> Result<Group<'h, B, Draining>, (Self, DisarmError)> {
        let mut failed = None;
        for &hook in self.hooks.iter().rev() {
            if let Err(errno) = self.backend.disarm(hook) {
                failed = Some(DisarmError::Stuck { hook, errno });
            }
        }
        match failed {
            None => Ok(self.into_state()),
            Some(error) => Err((self, error)),
        }
    }
}

impl<'h, B: Backend> Group<'h, B, Draining> {
    /// Waits for the tasks that are still inside, after taking out what was stuck.
    ///
    /// # Errors
    ///
    /// The group and [`DisarmError::Stuck`], or [`DisarmError::Asleep`] after `timeout_ms`. It may be
    /// tried again.
    pub fn drain(self, timeout_ms: u32) -> Result<Group<'h, B, Planned>, (Self, DisarmError)> {
        for &hook in self.hooks.iter().rev() {
            if self.backend.state(hook) != State::Armed {
                continue;
            }
            if let Err(errno) = self.backend.disarm(hook) {
                return Err((self, DisarmError::Stuck { hook, errno }));
            }
        }
        match self.backend.drain(timeout_ms) {
            Ok(()) => Ok(self.into_state()),
            Err(sleeper) => Err((self, DisarmError::Asleep(sleeper))),
        }
    }
}

//! A container whose process makes a pid namespace of its own.

use std::fs;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use crate::actor::{self, Reading};
use crate::container::{wait_until, Container, Runtime};
use crate::oci::Spec;
use crate::program;

/// How long the inner namespace may take to appear.
const LIMIT: Duration = Duration::from_secs(30);

/// The container and the first process of the namespace inside.
pub(crate) struct Nested {
    /// The container.
    pub(crate) outer: Container,
    inner: u32,
}

impl Nested {
    /// Starts both.
    ///
    /// # Errors
    ///
    /// The runtime refuses, or the inner namespace does not appear.
    pub(crate) fn start(name: &str) -> Result<Self> {
        let unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let argv: Vec<&str> = unshare.iter().chain(&["sleep", "10000"]).copied().collect();
        let spec = Spec::new(name, &argv).capability("CAP_SYS_ADMIN");
        Self::begin(Container::create(Runtime::Crun, spec)?)
    }

    fn begin(outer: Container) -> Result<Self> {
        outer.begin()?;
        let child = || sleeping_child(outer.pid());
        let seen = wait_until(LIMIT, || child().is_some());
        ensure!(seen, "no inner namespace: {}", outer.log()?);
        let inner = child().context("the inner process has ended")?;
        Ok(Self { outer, inner })
    }

    /// Reads a file as the inner namespace sees it.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn read(&self, path: &str) -> Result<String> {
        self.output(&["cat", path])
    }

    /// Lets an actor in the inner namespace do what the words say.
    ///
    /// # Errors
    ///
    /// It fails.
    pub(crate) fn act(&self, words: &[&str]) -> Result<Reading> {
        Ok(Reading::parse(&self.output(&actor::command(words))?))
    }

    fn output(&self, argv: &[&str]) -> Result<String> {
        let pid = self.inner.to_string();
        let enter = ["nsenter", "--target", &pid, "--pid", "--mount"];
        let words: Vec<&str> = enter.iter().chain(argv).copied().collect();
        program::output(&words)
    }
}

/// Returns the child of `pid`, once it runs what it was started for.
fn sleeping_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let child = children.split_whitespace().next()?.parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
    (name.trim() == "sleep").then_some(child)
}

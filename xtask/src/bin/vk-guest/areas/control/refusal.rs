//! What must hold of a refusal: the errno, one sentence that names the place, and no change.

use anyhow::Result;

use crate::door::{errno_name, Door, Reply};
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::rows;

/// A refusal as it is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    /// The error's name.
    pub(super) errno: &'a str,
    /// The line and the key, if it names them.
    pub(super) place: Option<(u32, &'a str)>,
}

impl<'a> Expected<'a> {
    /// An error without a place.
    pub(super) fn new(errno: &'a str) -> Self {
        let place = None;
        Self { errno, place }
    }

    /// The line and the key that it names.
    pub(super) fn at(mut self, line: u32, key: &'a str) -> Self {
        self.place = Some((line, key));
        self
    }
}

/// What the module shows of `target`, of the default, of the list and of the features.
pub(super) struct State {
    target: String,
    text: String,
}

impl State {
    /// Looks.
    ///
    /// # Errors
    ///
    /// The module does not answer.
    pub(super) fn of(target: &str) -> Result<Self> {
        let mut text = String::new();
        for target in [target, "default"].iter().filter(|it| !it.is_empty()) {
            text.push_str(&format!("{:?}\n", rows("show", target, &[])?));
        }
        text.push_str(&format!("{:?}\n", rows("features", "", &[])?));
        for row in rows("list", "", &[("all", "1")])? {
            let policy = row.word("policy");
            text.push_str(&format!("{} {policy}\n", row.name));
        }
        let target = target.to_owned();
        Ok(Self { target, text })
    }

    /// Expects that nothing has changed since.
    pub(super) fn is_the_same(&self) -> Outcome {
        let now = Self::of(&self.target)?;
        let (seen, expected) = (format!("the state {}", now.text), &self.text);
        expect(now.text == self.text, seen, expected)
    }
}

/// Asks by an open file of its own, and expects a refusal after which all is as before.
pub(super) fn refuses(target: &str, request: &[u8], expected: Expected<'_>) -> Outcome {
    let before = State::of(target)?;
    let reply = Door::open()?.ask(request)?;
    is_refused(&reply, request, expected)?;
    before.is_the_same()
}

/// Expects a refusal.
pub(super) fn is_refused(reply: &Reply, request: &[u8], expected: Expected<'_>) -> Outcome {
    let start = String::from_utf8_lossy(&request[..request.len().min(60)]);
    let of = |what: &str| format!("{what} of {start:?}");
    let written = reply.written.map_err(errno_name);
    let wanted = Err(expected.errno.to_owned());
    expect_eq(&of("the result of write"), written, wanted)?;
    let Some(refusal) = reply.refusal() else {
        return expect(false, of(&reply.text), "error ERRNO ...: sentence");
    };
    expect_eq(&of("the errno"), refusal.errno.as_str(), expected.errno)?;
    let place = refusal.line.zip(refusal.key.as_deref());
    if expected.place.is_some() {
        expect_eq(&of("the place"), place, expected.place)?;
    }
    let words = refusal.sentence.split(' ').count();
    expect(words > 2, refusal.sentence, "a sentence")?;
    expect_eq(&of("the lines"), reply.text.lines().count(), 1)
}

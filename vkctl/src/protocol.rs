//! The control protocol of `/dev/vkernel`, version 1: one request per write, then its whole answer.

use std::fmt::Write as _;

use thiserror::Error;

use crate::errno;

/// The protocol's version, in the first line of every request.
pub(crate) const VERSION: u32 = 1;

/// One request.
///
/// # Invariants
///
/// No part holds a line break or NUL, and no key or target holds white space or `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    verb: &'static str,
    target: Option<String>,
    body: Vec<(String, String)>,
}

/// A key or value that no line of a request can carry.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum LineError {
    #[error("a key is missing before `=`")]
    NoKey,
    #[error("key {0:?} has a character that no key has (white space, `=` or a control character)")]
    Key(String),
    #[error("the value of {0} has a line break or a NUL")]
    Value(String),
}

impl Request {
    /// Starts a request without lines.
    pub(crate) fn new(verb: &'static str) -> Self {
        Self {
            verb,
            target: None,
            body: Vec::new(),
        }
    }

    /// Names the target, `ns:N` or `default`.
    #[must_use]
    pub(crate) fn target(mut self, target: String) -> Self {
        self.target = Some(target);
        self
    }

    /// Adds the line `key=value`.
    ///
    /// # Errors
    ///
    /// [`LineError`]: the line could be read as another one, or as several.
    pub(crate) fn line(mut self, key: &str, value: &str) -> Result<Self, LineError> {
        if key.is_empty() {
            return Err(LineError::NoKey);
        }
        if key.contains(|c: char| c.is_whitespace() || c.is_control() || c == '=') {
            return Err(LineError::Key(key.to_owned()));
        }
        if value.contains(['\n', '\r', '\0']) {
            return Err(LineError::Value(key.to_owned()));
        }
        self.body.push((key.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// Returns the verb.
    pub(crate) fn verb(&self) -> &'static str {
        self.verb
    }

    /// Returns the target as the kernel gets it.
    pub(crate) fn target_name(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// Returns the bytes to write.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut text = format!("vkernel {VERSION} {}", self.verb);
        if let Some(target) = &self.target {
            text.push(' ');
            text.push_str(target);
        }
        text.push('\n');
        for (key, value) in &self.body {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key}={value}");
        }
        text.into_bytes()
    }
}

/// The answer to a request that was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The data lines.
    pub(crate) lines: Vec<String>,
    /// The sentences of `warning:` lines.
    pub(crate) warnings: Vec<String>,
    /// The sentences of `note:` lines.
    pub(crate) notes: Vec<String>,
}

/// What the kernel says when it does not carry out a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) errno: String,
    /// The line of the request, from 1 (the line with the verb).
    pub(crate) line: Option<u32>,
    pub(crate) key: Option<String>,
    pub(crate) sentence: String,
}

/// Why bytes are not the answer to a request that was carried out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum AnswerError {
    #[error("{}", .0.sentence)]
    Refused(Refusal),
    #[error("the module gave no answer")]
    Empty,
    #[error("the module's answer starts with {0:?}, not with `ok` or `error`")]
    Status(String),
    #[error("the module's answer has a line that is no object: {0:?}")]
    Line(String),
}

impl Answer {
    /// Reads a whole answer. Bytes that are not UTF-8, as in the name of a process, are replaced.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Refused`] with what the kernel said; otherwise the bytes are no answer at all.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split('\n');
        let status = lines.next().unwrap_or("");
        match status {
            "" => return Err(AnswerError::Empty),
            "ok" => {}
            _ => return Err(Refusal::parse(status)),
        }
        let mut answer = Self::default();
        for line in lines.filter(|line| !line.is_empty()) {
            answer.add(line);
        }
        Ok(answer)
    }

    /// Returns the warnings and notes as lines for people.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = String> + '_ {
        let warnings = self.warnings.iter().map(|w| format!("warning: {w}"));
        warnings.chain(self.notes.iter().map(|n| format!("note: {n}")))
    }

    fn add(&mut self, line: &str) {
        if let Some(sentence) = line.strip_prefix("warning: ") {
            self.warnings.push(sentence.to_owned());
        } else if let Some(sentence) = line.strip_prefix("note: ") {
            self.notes.push(sentence.to_owned());
        } else {
            self.lines.push(line.to_owned());
        }
    }
}

impl Refusal {
    /// Reads `error ERRNO [line=N] [key=KEY]: sentence`.
    fn parse(status: &str) -> AnswerError {
        let read = || {
            let rest = status.strip_prefix("error ")?;
            // Neither an errno nor a key has white space, so the first `: ` ends them.
            let (head, sentence) = rest
                .split_once(": ")
                .unwrap_or((rest.strip_suffix(':').unwrap_or(rest), ""));
            let mut words = head.split(' ');
            let errno = words.next().filter(|word| errno::is_name(word))?;
            let mut refusal = Self {
                errno: errno.to_owned(),
                sentence: sentence.to_owned(),
                ..Self::default()
            };
            words
                .try_for_each(|word| refusal.place(word))
                .map(|()| refusal)
        };
        read().map_or_else(
            || AnswerError::Status(status.chars().take(80).collect()),
            AnswerError::Refused,
        )
    }

    /// Takes in `line=N`, `key=KEY` or a field of a later version; returns `None` if it is no field.
    fn place(&mut self, word: &str) -> Option<()> {
        let (name, value) = word.split_once('=')?;
        match name {
            "line" => self.line = Some(value.parse().ok()?),
            "key" => self.key = Some(value.to_owned()),
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Refusal {
        match Answer::parse(text.as_bytes()) {
            Err(AnswerError::Refused(refusal)) => refusal,
            other => panic!("{text:?} was read as {other:?}"),
        }
    }

    #[test]
    fn encodes_verb_target_and_lines() {
        let request = Request::new("set").target("ns:5".to_owned());
        let request = request.line("vm.overcommit_memory", "1").unwrap();
        let request = request.line("thp_enabled", "never").unwrap();
        assert_eq!(
            request.encode(),
            b"vkernel 1 set ns:5\nvm.overcommit_memory=1\nthp_enabled=never\n"
        );
        assert_eq!(Request::new("hooks").encode(), b"vkernel 1 hooks\n");
    }

    #[test]
    fn refuses_lines_that_would_be_read_as_others() {
        let line = |key, value| Request::new("set").line(key, value).map(|_| ());
        assert_eq!(line("", "1"), Err(LineError::NoKey));
        assert_eq!(line("a b", "1"), Err(LineError::Key("a b".to_owned())));
        assert_eq!(
            line("a\nb=2\nc", "1"),
            Err(LineError::Key("a\nb=2\nc".to_owned()))
        );
        assert_eq!(line("a", "1\nb=2"), Err(LineError::Value("a".to_owned())));
        assert_eq!(line("a", "1\0"), Err(LineError::Value("a".to_owned())));
        assert_eq!(line("a", "b=c d"), Ok(()));
    }

    #[test]
    fn separates_data_warnings_and_notes() {
        let answer = Answer::parse(b"ok\nnote: armed\nns:5 a=1\nwarning: slow\n\n").unwrap();
        assert_eq!(answer.lines, ["ns:5 a=1"]);
        assert_eq!(answer.notes, ["armed"]);
        assert_eq!(answer.warnings, ["slow"]);
        let remarks: Vec<_> = answer.remarks().collect();
        assert_eq!(remarks, ["warning: slow", "note: armed"]);
    }

    #[test]
    fn reads_an_answer_without_a_last_line_break() {
        assert_eq!(Answer::parse(b"ok"), Ok(Answer::default()));
        assert_eq!(Answer::parse(b"ok\nns:5 a=1").unwrap().lines, ["ns:5 a=1"]);
    }

    #[test]
    fn reads_a_refusal_with_line_and_key() {
        let got = refusal("error EINVAL line=3 key=thp_enabled: unknown value: sometimes\n");
        assert_eq!(got.errno, "EINVAL");
        assert_eq!(got.line, Some(3));
        assert_eq!(got.key.as_deref(), Some("thp_enabled"));
        assert_eq!(got.sentence, "unknown value: sometimes");
    }

    #[test]
    fn reads_a_refusal_that_says_less_or_more() {
        assert_eq!(refusal("error EBUSY: in use").sentence, "in use".to_owned());
        assert_eq!(refusal("error EBUSY").errno, "EBUSY");
        assert_eq!(refusal("error EBUSY:").errno, "EBUSY");
        let later = refusal("error ESRCH line=1 target=ns:9: no such namespace");
        assert_eq!(later.line, Some(1));
        assert_eq!(later.key, None);
        assert_eq!(
            refusal("error EINVAL key=a:b: no").key.as_deref(),
            Some("a:b")
        );
    }

    #[test]
    fn refuses_what_is_no_answer() {
        let bad = |text: &str| Answer::parse(text.as_bytes()).unwrap_err();
        assert_eq!(bad(""), AnswerError::Empty);
        assert_eq!(bad("\nok\n"), AnswerError::Empty);
        for text in [
            "okay",
            "OK",
            " ok",
            "ok \n",
            "error",
            "error ",
            "error : no",
            "error einval: no",
            "error EINVAL line=x: no",
            "error EINVAL line=-1: no",
            "error EINVAL stray: no",
            "ns:5 a=1",
        ] {
            let first = text.trim_end_matches('\n');
            assert_eq!(bad(text), AnswerError::Status(first.to_owned()));
        }
    }

    #[test]
    fn replaces_bytes_that_are_no_text() {
        let answer = Answer::parse(b"ok\nns:5 comm=\xff\xfe\n").unwrap();
        assert_eq!(answer.lines, ["ns:5 comm=\u{fffd}\u{fffd}"]);
        let long = [b'x'; 4096];
        assert_eq!(
            Answer::parse(&long),
            Err(AnswerError::Status("x".repeat(80)))
        );
    }
}

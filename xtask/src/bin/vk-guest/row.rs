//! One line of the device's answers: a name, perhaps with a value, then `word=value` pairs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::device::ask;

/// The words whose values have spaces; each stands last.
const TEXTS: &[&str] = &["comm", "reason"];

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// What it is about: `ns:7`, `thp_enabled`, `sysctl`.
    pub(crate) name: String,
    /// What stands behind the name: the value of a key.
    pub(crate) value: String,
    words: BTreeMap<String, String>,
}

impl Row {
    /// Takes a line apart.
    pub(crate) fn parse(line: &str) -> Self {
        let (line, text) = cut_text(line);
        let mut words = line.split(' ').map(|word| halves(word, '='));
        let (name, value) = words.next().unwrap_or_default();
        let mut words: BTreeMap<String, String> = words.collect();
        words.extend(text);
        Self { name, value, words }
    }

    /// Returns the value of a word, empty if it is not there.
    pub(crate) fn word(&self, word: &str) -> &str {
        self.words.get(word).map_or("", String::as_str)
    }
}

/// Asks for something that must be answered, and takes the lines apart.
///
/// # Errors
///
/// It is refused.
pub(crate) fn rows(verb: &str, target: &str, pairs: &[(&str, &str)]) -> Result<Vec<Row>> {
    let lines = ask(verb, target, pairs)?.accepted();
    let lines = lines.with_context(|| format!("`{verb} {target}`"))?;
    Ok(lines.iter().map(|line| Row::parse(line)).collect())
}

/// As [`rows`], but only the one with this name.
///
/// # Errors
///
/// It is refused, or there is none.
pub(crate) fn row(verb: &str, target: &str, name: &str) -> Result<Row> {
    let found = rows(verb, target, &[])?;
    let mut found = found.into_iter();
    let row = found.find(|row| row.name == name);
    row.with_context(|| format!("no {name} in the answer to `{verb} {target}`"))
}

fn cut_text(line: &str) -> (&str, Option<(String, String)>) {
    let cut = TEXTS.iter().find_map(|text| {
        let (line, rest) = line.split_once(&format!(" {text}="))?;
        Some((line, Some(((*text).to_owned(), rest.to_owned()))))
    });
    cut.unwrap_or((line, None))
}

fn halves(word: &str, at: char) -> (String, String) {
    let (left, right) = word.split_once(at).unwrap_or((word, ""));
    (left.to_owned(), right.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_key_with_its_value_apart() {
        let row = Row::parse("vm.overcommit_memory=2 source=own inside=ro min=- max=-");
        assert_eq!(row.name, "vm.overcommit_memory");
        assert_eq!((row.value.as_str(), row.word("source")), ("2", "own"));
        assert_eq!(row.word("nothing"), "");
    }

    #[test]
    fn leaves_spaces_in_what_stands_last() {
        let row = Row::parse("ns:7 pid=8 comm=a b=c");
        assert_eq!((row.name.as_str(), row.word("comm")), ("ns:7", "a b=c"));
    }
}

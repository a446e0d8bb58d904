//! One data line of an answer: an object and its fields.

use std::fmt;

use crate::protocol::AnswerError;

/// One object: `NAME key=value key=value ...`, or the same without a name in front.
///
/// Names and values have no space. `reason=` and `comm=` are free text: `reason=` runs to ` comm=` or the end
/// of the line, `comm=` to the end. A process chooses its `comm` freely; in this order it cannot
/// make up a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    name: Option<String>,
    fields: Vec<(String, String)>,
}

impl Record {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Line`]: a word other than the first is no `key=value`.
    pub(crate) fn parse(line: &str) -> Result<Self, AnswerError> {
        let bad = || AnswerError::Line(line.chars().take(120).collect());
        let mut record = Self::default();
        let mut rest = line;
        while !rest.is_empty() {
            let (word, after) = next_field(rest);
            rest = after;
            match word.split_once('=') {
                Some((key, value)) if !key.is_empty() => record.push(key, value),
                None if record.is_empty() && !word.is_empty() => {
                    record.name = Some(word.to_owned())
                }
                _ => return Err(bad()),
            }
        }
        (!record.is_empty()).then_some(record).ok_or_else(bad)
    }

    /// Returns the word in front of the fields: `ns:N`, a feature, a symbol.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the fields in the order of the line.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Returns the field `key`.
    pub(crate) fn field(&self, key: &str) -> Option<&str> {
        let found = self.fields().find(|(name, _)| *name == key);
        found.map(|(_, value)| value)
    }

    fn is_empty(&self) -> bool {
        self.name.is_none() && self.fields.is_empty()
    }

    /// Adds a field that was found elsewhere.
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        self.fields.push((key.to_owned(), value.to_owned()));
    }
}

/// Splits `rest` behind its first field.
fn next_field(rest: &str) -> (&str, &str) {
    let end = match rest {
        _ if rest.starts_with("comm=") => None,
        _ if rest.starts_with("reason=") => rest.find(" comm="),
        _ => rest.find(' '),
    };
    match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (rest, ""),
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.iter().cloned();
        let fields = self.fields.iter().map(|(k, v)| format!("{k}={v}"));
        f.write_str(&name.chain(fields).collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[&str] = &[
        "ns:4027 parent=host level=1 pid=812 tasks=3 state=live policy=own enforced=yes \
         vm.overcommit_memory=1 thp_enabled=never comm=redis-server",
        "ns:4030 parent=ns:4027 state=live policy=none reason=no memory cgroup of its own comm=a b=c d",
        "thp_enabled=always source=own inside=ro min=- max=- enforced=yes",
        "ns:4027 held=104857600 maxheld=209715200 limit=0 failcnt=0",
        "thp state=refused armed=no reason=symbol vma_thp_gfp_mask: two matches",
        "__vm_enough_memory feature=overcommit kind=repl subject=current backend=ftrace \
         state=armed addr=0xffffffff81324560 entry=e91b2c3d00 later=field",
        "overcommit",
        "a=",
        "a=b=c",
    ];

    fn field<'a>(record: &'a Record, key: &str) -> &'a str {
        record.fields().find(|(k, _)| *k == key).unwrap().1
    }

    #[test]
    fn writes_back_what_it_read() {
        for line in LINES {
            assert_eq!(Record::parse(line).unwrap().to_string(), *line);
        }
    }

    #[test]
    fn takes_comm_to_the_end_of_the_line() {
        let record = Record::parse(LINES[1]).unwrap();
        assert_eq!(record.name(), Some("ns:4030"));
        assert_eq!(field(&record, "reason"), "no memory cgroup of its own");
        assert_eq!(field(&record, "comm"), "a b=c d");
    }

    #[test]
    fn a_process_name_makes_up_no_field() {
        let record = Record::parse("ns:5 state=live comm=x state=dying reason=y").unwrap();
        assert_eq!(field(&record, "comm"), "x state=dying reason=y");
        assert_eq!(record.fields().count(), 2);
    }

    #[test]
    fn refuses_lines_that_are_no_object() {
        for line in [
            "",
            " ",
            "ns:5  a=1",
            " ns:5",
            "ns:5 stray",
            "ns:5 =1",
            "a=1 ns:5",
        ] {
            assert!(Record::parse(line).is_err(), "{line:?}");
        }
    }
}

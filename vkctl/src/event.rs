//! One line of `watch`.

use crate::protocol::AnswerError;
use crate::record::Record;

/// Something that happened, or how much of it was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// `SEQ TIME KIND NAME KEY=VALUE...`.
    Happened {
        seq: u64,
        /// By CLOCK_MONOTONIC.
        time_ns: u64,
        kind: String,
        record: Record,
    },
    /// `lost N`.
    Lost(u64),
}

impl Event {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Line`]: it is none of both.
    pub(crate) fn parse(line: &str) -> Result<Self, AnswerError> {
        let bad = || AnswerError::Line(line.chars().take(120).collect());
        if let Some(count) = line.strip_prefix("lost ") {
            return count.parse().map(Self::Lost).map_err(|_| bad());
        }
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or_else(bad);
        Ok(Self::Happened {
            seq: word()?.parse().map_err(|_| bad())?,
            time_ns: word()?.parse().map_err(|_| bad())?,
            kind: word()?.to_owned(),
            record: Record::parse(word()?)?,
        })
    }

    /// Returns the word for it.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Happened { kind, .. } => kind,
            Self::Lost(_) => "lost",
        }
    }

    /// Returns what its name is the name of.
    pub(crate) fn is_about(&self) -> &'static str {
        match self.kind() {
            "hooked" | "unhooked" => "feature",
            "bypassed" | "restored" => "symbol",
            _ => "target",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use serde_json::{json, Value};

    fn object(line: &str) -> Value {
        let text = json::event(&Event::parse(line).unwrap());
        assert_eq!(text.find('\n'), Some(text.len() - 1));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_event_is_one_object_on_one_line() {
        assert_eq!(
            object("7 1234 born ns:40 parent=host level=1 pid=812 policy=none comm=a b=c"),
            json!({"version": 1, "verb": "watch", "event": "born", "seq": 7, "time_ns": 1234,
                   "target": "ns:40", "parent": "host", "level": 1, "pid": 812, "policy": "none",
                   "comm": "a b=c"})
        );
        assert_eq!(
            object("8 1235 set default key=thp_enabled value=never was=- inside=ro min=- max=- pid=5 from=outside"),
            json!({"version": 1, "verb": "watch", "event": "set", "seq": 8, "time_ns": 1235,
                   "target": "default", "key": "thp_enabled", "value": "never", "was": null,
                   "inside": "ro", "min": null, "max": null, "pid": 5, "from": "outside"})
        );
    }

    #[test]
    fn hooks_are_of_a_feature_and_losses_are_counted() {
        assert_eq!(
            object("9 1236 hooked thp"),
            json!({"version": 1, "verb": "watch", "event": "hooked", "seq": 9, "time_ns": 1236,
                   "feature": "thp"})
        );
        assert_eq!(
            object("lost 12"),
            json!({"version": 1, "verb": "watch", "event": "lost", "count": 12})
        );
    }

    #[test]
    fn refuses_lines_that_are_no_event() {
        for line in [
            "",
            "lost",
            "lost x",
            "7",
            "7 8",
            "7 8 gone",
            "x 8 gone ns:4",
            "7 8 gone ns:4 stray",
        ] {
            assert!(Event::parse(line).is_err(), "{line:?}");
        }
    }
}

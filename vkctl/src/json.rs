//! Answers and failures as JSON, version 1.

use serde_json::{json, Map, Value};

use crate::event::Event;
use crate::failure::Failure;
use crate::order::Order;
use crate::protocol::{Answer, AnswerError};
use crate::record::Record;
use crate::table::{records, LIST_FIELDS};

/// The version of the objects; it changes when a reader of the old ones would go wrong.
const VERSION: u32 = 1;

/// Returns `answer` as one object.
///
/// # Errors
///
/// [`AnswerError::Line`]: a line of the answer is no object.
pub(crate) fn answer(order: &Order, answer: &Answer) -> Result<String, AnswerError> {
    let mut object = start(order.verb);
    if let Some(target) = order.request.target_name() {
        object.insert("target".to_owned(), target.into());
    }
    if let Some((name, data)) = data(order, answer)? {
        object.insert(name.to_owned(), data);
    }
    object.insert("warnings".to_owned(), json!(answer.warnings));
    object.insert("notes".to_owned(), json!(answer.notes));
    Ok(text(object))
}

/// Returns an event as one object on one line.
pub(crate) fn event(event: &Event) -> String {
    let mut object = start("watch");
    object.insert("event".to_owned(), event.kind().into());
    match event {
        Event::Lost(count) => {
            object.insert("count".to_owned(), (*count).into());
        }
        Event::Happened {
            seq,
            time_ns,
            record,
            ..
        } => {
            object.insert("seq".to_owned(), (*seq).into());
            object.insert("time_ns".to_owned(), (*time_ns).into());
            object.insert(event.is_about().to_owned(), json!(record.name()));
            let fields = record.fields();
            object.extend(fields.map(|(name, text)| (name.to_owned(), value(name, text))));
        }
    }
    format!("{}\n", Value::Object(object))
}

/// Returns `failure` as one object.
pub(crate) fn failure(verb: &str, failure: &Failure) -> String {
    let mut error = Map::new();
    error.insert("errno".to_owned(), json!(failure.errno));
    let parts = [
        ("line", failure.line.map(Value::from)),
        ("key", failure.key.as_deref().map(Value::from)),
        ("origin", failure.origin.clone().map(Value::from)),
        ("message", Some(failure.message.clone().into())),
        ("hint", failure.hint.clone().map(Value::from)),
    ];
    for (name, part) in parts {
        if let Some(part) = part {
            error.insert(name.to_owned(), part);
        }
    }
    let mut object = start(verb);
    object.insert("error".to_owned(), Value::Object(error));
    text(object)
}

fn start(verb: &str) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("version".to_owned(), VERSION.into());
    object.insert("verb".to_owned(), verb.into());
    object
}

fn text(object: Map<String, Value>) -> String {
    format!("{:#}\n", Value::Object(object))
}

/// Returns the name and the value of the member that holds the data.
fn data(order: &Order, answer: &Answer) -> Result<Option<(&'static str, Value)>, AnswerError> {
    let each = |object: fn(&Record) -> Value| -> Result<Value, AnswerError> {
        Ok(records(order, answer)?.iter().map(object).collect())
    };
    Ok(Some(match order.verb {
        "list" => ("namespaces", each(namespace)?),
        "show" => ("keys", keys(&records(order, answer)?)),
        "stat" => ("namespaces", each(counters)?),
        "features" => ("features", each(|record| named("name", record))?),
        "hooks" | "doctor" => ("hooks", each(|record| named("symbol", record))?),
        _ if answer.lines.is_empty() => return Ok(None),
        _ => ("lines", json!(answer.lines)),
    }))
}

fn namespace(record: &Record) -> Value {
    let mut object = Map::new();
    let mut keys = Map::new();
    object.insert("ns".to_owned(), json!(record.name()));
    for (name, text) in record.fields() {
        if LIST_FIELDS.contains(&name) {
            object.insert(name.to_owned(), value(name, text));
        } else {
            keys.insert(name.to_owned(), text.into());
        }
    }
    object.insert("keys".to_owned(), Value::Object(keys));
    Value::Object(object)
}

/// Returns an object with a member for each key.
fn keys(records: &[Record]) -> Value {
    let key = |record: &Record| {
        let mut fields = record.fields();
        let (key, text) = fields.next()?;
        let mut object = Map::new();
        object.insert("value".to_owned(), text.into());
        object.extend(fields.map(|(name, text)| (name.to_owned(), value(name, text))));
        Some((key.to_owned(), Value::Object(object)))
    };
    Value::Object(records.iter().filter_map(key).collect())
}

fn counters(record: &Record) -> Value {
    let mut object = Map::new();
    object.insert("ns".to_owned(), json!(record.name()));
    object.extend(
        record
            .fields()
            .map(|(name, text)| (name.to_owned(), number(text))),
    );
    Value::Object(object)
}

fn named(what: &str, record: &Record) -> Value {
    let mut object = Map::new();
    object.insert(what.to_owned(), json!(record.name()));
    object.extend(
        record
            .fields()
            .map(|(name, text)| (name.to_owned(), value(name, text))),
    );
    Value::Object(object)
}

/// Returns the value of a field: of the type that the field has, a string for fields not known here.
fn value(name: &str, text: &str) -> Value {
    match (name, text) {
        ("level" | "pid" | "tasks" | "bytes", _) => number(text),
        ("enforced" | "armed", "yes") => true.into(),
        ("enforced" | "armed", "no") => false.into(),
        ("min" | "max" | "was" | "value", "-") => Value::Null,
        _ => text.into(),
    }
}

/// Returns `text` as a number if it is a whole one that JSON can carry.
fn number(text: &str) -> Value {
    let unsigned = text.parse::<u64>().ok().map(Value::from);
    unsigned
        .or_else(|| text.parse::<i64>().ok().map(Value::from))
        .unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn object(line: &str, bytes: &str) -> Value {
        let words = ["vkctl"].into_iter().chain(line.split(' '));
        let args = crate::args::Args::try_parse_from(words).unwrap();
        let order = Order::new(&args.verb).unwrap();
        let got = answer(&order, &Answer::parse(bytes.as_bytes()).unwrap()).unwrap();
        serde_json::from_str(&got).unwrap()
    }

    #[test]
    fn list_separates_the_keys_from_the_rest() {
        assert_eq!(
            object(
                "list",
                "ok\nns:40 parent=host level=1 pid=812 tasks=3 state=live policy=own enforced=no \
                 vm.overcommit_memory=1 comm=a b\n"
            ),
            json!({"version": 1, "verb": "list", "namespaces": [{
                "ns": "ns:40", "parent": "host", "level": 1, "pid": 812, "tasks": 3, "state": "live",
                "policy": "own", "enforced": false, "comm": "a b", "keys": {"vm.overcommit_memory": "1"},
            }], "warnings": [], "notes": []})
        );
    }

    #[test]
    fn show_has_a_member_per_key() {
        let got = object(
            "show ns:5",
            "ok\nvm.overcommit_ratio=80 source=ns:4 inside=rw min=- max=90 enforced=yes later=x\n",
        );
        assert_eq!(got["target"], "ns:5");
        assert_eq!(
            got["keys"]["vm.overcommit_ratio"],
            json!({"value": "80", "source": "ns:4", "inside": "rw", "min": null, "max": "90",
                   "enforced": true, "later": "x"})
        );
    }

    #[test]
    fn stat_has_numbers() {
        let got = object("stat", "ok\nns:5 held=18446744073709551615 low=-1 odd=1k\n");
        assert_eq!(
            got["namespaces"][0],
            json!({"ns": "ns:5", "held": u64::MAX, "low": -1, "odd": "1k"})
        );
    }

    #[test]
    fn features_and_hooks_are_named() {
        let got = object(
            "features",
            "ok\nthp state=refused armed=no reason=two matches\n",
        );
        assert_eq!(
            got["features"][0],
            json!({"name": "thp", "state": "refused", "armed": false, "reason": "two matches"})
        );
        let got = object("hooks", "ok\nf feature=thp addr=0x10 entry=e900\n");
        assert_eq!(got["hooks"][0]["symbol"], "f");
        assert_eq!(got["hooks"][0]["entry"], "e900");
    }

    #[test]
    fn changes_carry_warnings_and_notes() {
        assert_eq!(
            object("set ns:5 a=1", "ok\nwarning: w\nnote: n\n"),
            json!({"version": 1, "verb": "set", "target": "ns:5", "warnings": ["w"], "notes": ["n"]})
        );
    }

    #[test]
    fn a_failure_names_line_and_key() {
        let refused = Failure {
            line: Some(2),
            key: Some("a".into()),
            ..Failure::refused("EINVAL", "no such key")
        };
        let got: Value = serde_json::from_str(&failure("set", &refused)).unwrap();
        assert_eq!(
            got,
            json!({"version": 1, "verb": "set",
                   "error": {"errno": "EINVAL", "line": 2, "key": "a", "message": "no such key"}})
        );
    }
}

//! Answers as text for people: plain columns, no colour, no lines.

use std::path::Path;

use comfy_table::{presets, ContentArrangement, Table};

use crate::container;
use crate::doctor::Diagnosis;
use crate::order::Order;
use crate::place;
use crate::process::System;
use crate::protocol::{Answer, AnswerError};
use crate::record::Record;

/// The fields of a line of `list` that are no key of a policy.
pub(crate) const LIST_FIELDS: &[&str] = &[
    "parent",
    "level",
    "pid",
    "tasks",
    "state",
    "policy",
    "enforced",
    "reason",
    "comm",
    "container",
    "cgroup",
];

/// The columns that stand last, since nobody knows how wide they are.
const FREE_TEXT: &[&str] = &["KEYS", "COMM", "CGROUP", "REASON", "ADVICE"];

/// How much of a container's id is shown, as by Docker.
const SHORT_ID_LEN: usize = 12;

/// Columns and rows.
#[derive(Debug, Default)]
struct Grid {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Returns `answer` as text; empty if it has no data.
///
/// # Errors
///
/// [`AnswerError::Line`]: a line of the answer is no object.
pub(crate) fn answer(order: &Order, answer: &Answer) -> Result<String, AnswerError> {
    let records = records(order, answer)?;
    let grid = match order.verb {
        "list" => Grid::of(records.iter().map(list_row).collect()),
        "show" => Grid::of(records.iter().map(show_row).collect()),
        "stat" if order.request.target_name().is_some() => Grid::standing(&records),
        "stat" => Grid::of(records.iter().map(|r| named_row("NS", r)).collect()),
        "features" => Grid::of(records.iter().map(|r| named_row("FEATURE", r)).collect()),
        "hooks" => Grid::of(records.iter().map(|r| named_row("SYMBOL", r)).collect()),
        "doctor" => Grid::of(records.iter().map(doctor_row).collect()),
        // Verbs that change something have no data of a shape known here.
        _ => return Ok(answer.lines.iter().map(|line| plain(line) + "\n").collect()),
    };
    Ok(grid.text())
}

/// Returns the data lines of `answer`, read; those of `list` and `doctor` with what this system knows
/// of them.
///
/// # Errors
///
/// [`AnswerError::Line`]: one is no object.
pub(crate) fn records(order: &Order, answer: &Answer) -> Result<Vec<Record>, AnswerError> {
    let lines = answer.lines.iter().map(|line| Record::parse(line));
    let mut records: Vec<_> = lines.collect::<Result<_, _>>()?;
    match order.verb {
        "list" => place::add(&System::running(), &mut records),
        "doctor" => Diagnosis::of(Path::new("/sys")).add(&mut records),
        _ => {}
    }
    Ok(records)
}

/// A row as (column, cell) pairs.
type Row = Vec<(String, String)>;

fn list_row(record: &Record) -> Row {
    let (fields, keys): (Vec<_>, Vec<_>) = record
        .fields()
        .partition(|(name, _)| LIST_FIELDS.contains(name));
    let keys: Vec<_> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut row = vec![cell("NS", record.name().unwrap_or(""))];
    row.extend(fields.iter().map(|(name, value)| match *name {
        "container" => cell(name, short(value)),
        _ => cell(name, value),
    }));
    row.push(cell("KEYS", &keys.join(" ")));
    row
}

/// Returns the digits that an id is known by; a name is not cut.
fn short(id: &str) -> &str {
    match container::is_id(id) {
        true => id.get(..SHORT_ID_LEN).unwrap_or(id),
        false => id,
    }
}

fn show_row(record: &Record) -> Row {
    let mut fields = record.fields();
    let (key, value) = fields.next().unwrap_or_default();
    let mut row = vec![cell("KEY", key), cell("VALUE", value)];
    row.extend(fields.map(|(name, value)| cell(name, value)));
    row
}

/// What `hooks` tells of the function itself does not matter here.
fn doctor_row(record: &Record) -> Row {
    const SHOWN: &[&str] = &["feature", "state", "holder", "beside", "advice"];
    let mut row = vec![cell("SYMBOL", record.name().unwrap_or(""))];
    let fields = record.fields().filter(|(name, _)| SHOWN.contains(name));
    row.extend(fields.map(|(name, value)| cell(name, value)));
    row
}

fn named_row(head: &str, record: &Record) -> Row {
    let mut row = vec![cell(head, record.name().unwrap_or(""))];
    row.extend(record.fields().map(|(name, value)| cell(name, value)));
    row
}

fn cell(head: &str, text: &str) -> (String, String) {
    (head.to_uppercase(), text.to_owned())
}

impl Grid {
    /// Makes a column of every name that some row has; those whose width nobody knows go to the end.
    fn of(rows: Vec<Row>) -> Self {
        let mut head: Vec<String> = Vec::new();
        for (name, _) in rows.iter().flatten() {
            if !head.contains(name) {
                head.push(name.clone());
            }
        }
        head.sort_by_key(|name| FREE_TEXT.iter().position(|free| free == name));
        let cells = |row: &Row| {
            let cell = |h: &String| row.iter().find(|(name, _)| name == h);
            let text = |h| cell(h).map_or("", |(_, text)| text.as_str());
            head.iter().map(|h| filled(text(h))).collect()
        };
        let rows = rows.iter().map(cells).collect();
        Self { head, rows }
    }

    /// Makes one row of every field.
    fn standing(records: &[Record]) -> Self {
        let fields = records.iter().flat_map(Record::fields);
        let rows = fields.map(|(name, value)| vec![name.to_owned(), value.to_owned()]);
        Self {
            head: vec!["NAME".to_owned(), "VALUE".to_owned()],
            rows: rows.collect(),
        }
    }

    fn text(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(&self.head)
            .add_rows(self.rows.iter().map(|row| row.iter().map(|c| plain(c))));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines = table.lines();
        lines
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }
}

fn filled(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        _ => text.to_owned(),
    }
}

/// Returns `text` with control characters made visible: a process may put any into its name.
pub(crate) fn plain(text: &str) -> String {
    let visible = |c: char| match c.is_control() {
        true => c.escape_default().collect(),
        false => String::from(c),
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn text(line: &str, bytes: &str) -> String {
        let words = ["vkctl"].into_iter().chain(line.split(' '));
        let args = crate::args::Args::try_parse_from(words).unwrap();
        let order = Order::new(&args.verb).unwrap();
        answer(&order, &Answer::parse(bytes.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn list_gathers_the_keys_in_one_column() {
        let got = text(
            "list",
            "ok\n\
             ns:40 parent=host level=1 pid=812 tasks=3 state=live policy=own enforced=yes a=1 b.c=2 comm=redis-server\n\
             ns:41 parent=ns:40 level=2 pid=900 tasks=1 state=live policy=inherited enforced=yes comm=a\x1b[31m b\n",
        );
        assert_eq!(
            got,
            "NS     PARENT  LEVEL  PID  TASKS  STATE  POLICY     ENFORCED  KEYS       COMM\n\
             ns:40  host    1      812  3      live   own        yes       a=1 b.c=2  redis-server\n\
             ns:41  ns:40   2      900  1      live   inherited  yes       -          a\\u{1b}[31m b\n"
        );
    }

    #[test]
    fn list_shows_reasons_where_there_are_some() {
        let got = text(
            "list --all",
            "ok\nns:40 policy=own a=1 comm=x\nns:41 policy=none reason=no cgroup comm=y\n",
        );
        assert_eq!(
            got,
            "NS     POLICY  KEYS  COMM  REASON\n\
             ns:40  own     a=1   x     -\n\
             ns:41  none    -     y     no cgroup\n"
        );
    }

    #[test]
    fn list_shortens_ids_but_not_names() {
        let id = "3f9a1c".repeat(10) + "3f9a";
        let got = text(
            "list",
            &format!("ok\nns:40 policy=own container={id} a=1 comm=x\nns:41 policy=own container=redis-main-1 a=1 comm=y\n"),
        );
        assert_eq!(
            got,
            "NS     POLICY  CONTAINER     KEYS  COMM\n\
             ns:40  own     3f9a1c3f9a1c  a=1   x\n\
             ns:41  own     redis-main-1  a=1   y\n"
        );
    }

    #[test]
    fn show_has_a_row_per_key() {
        let got = text(
            "show ns:5",
            "ok\nthp_enabled=never source=own inside=ro min=- max=- enforced=yes\n",
        );
        assert_eq!(
            got,
            "KEY          VALUE  SOURCE  INSIDE  MIN  MAX  ENFORCED\n\
             thp_enabled  never  own     ro      -    -    yes\n"
        );
    }

    #[test]
    fn stat_of_one_target_stands() {
        let bytes = "ok\nns:5 held=4096 limit=0\n";
        assert_eq!(
            text("stat ns:5", bytes),
            "NAME   VALUE\nheld   4096\nlimit  0\n"
        );
        assert_eq!(text("stat", bytes), "NS    HELD  LIMIT\nns:5  4096  0\n");
    }

    #[test]
    fn shows_fields_of_later_versions() {
        let got = text(
            "features",
            "ok\nthp state=served armed=yes\nx state=refused later=1 reason=a b\n",
        );
        assert_eq!(
            got,
            "FEATURE  STATE    ARMED  LATER  REASON\n\
             thp      served   yes    -      -\n\
             x        refused  -      1      a b\n"
        );
    }

    #[test]
    fn no_data_is_no_text() {
        assert_eq!(text("hooks", "ok\n"), "");
        assert_eq!(text("set ns:5 a=1", "ok\nnote: armed\n"), "");
    }

    #[test]
    fn refuses_lines_that_are_no_object() {
        let args = crate::args::Args::try_parse_from(["vkctl", "list"]).unwrap();
        let order = Order::new(&args.verb).unwrap();
        let stray = Answer::parse(b"ok\nns:5 stray words\n").unwrap();
        assert!(records(&order, &stray).is_err());
    }
}

//! Writes of a container to its own files: refused, or allowed within what the host set.

use super::refusal::{refuses, Expected};
use crate::container::{Container, Runtime};
use crate::policy::{chosen, set, shown, target, unset, Tidy, MODE, RATIO, THP};
use crate::problem::{expect, expect_eq, Outcome};
use crate::row::row;
use crate::scout::{Order, Scout};
use crate::setting::THP_2M;
use crate::values::Values;

pub(super) fn a_write_from_inside_is_refused_and_changes_nothing() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let pairs = [
        ("vm.overcommit_memory", "1"),
        ("vm.overcommit_ratio", "61"),
        ("thp_enabled", "never"),
    ];
    set(&ns, &pairs)?;
    let host = Values::read();
    let writes = [
        (MODE, "0"),
        (MODE, "1"),
        (RATIO, "10"),
        (THP, "always"),
        (THP_2M, "inherit"),
    ];
    for (path, text) in writes {
        let refused = scout.write(path, text)?;
        expect_eq(
            &format!("{text} to {path}"),
            refused.as_deref(),
            Some("EPERM"),
        )?;
    }
    expect_eq("the mode inside", scout.read(MODE)?.as_str(), "1")?;
    expect_eq("the ratio inside", scout.read(RATIO)?.as_str(), "61")?;
    expect_eq("THP inside", chosen(&scout.read(THP)?), "never")?;
    for (key, value) in pairs {
        let own = (value.to_owned(), "own".to_owned());
        expect_eq(key, shown(&ns, key)?, own)?;
    }
    let denied = row("stat", &ns, &ns)?.word("writes_denied").to_owned();
    expect_eq("the counted refusals", denied.as_str(), "5")?;
    let changes = host.changes(&Values::read(), &[]);
    expect(changes.is_empty(), changes.join(", "), "the host's values")
}

pub(super) fn a_write_from_inside_a_crun_container_is_refused() -> Outcome {
    let container = Container::start(Runtime::Crun, "writer", &["sleep", "1000"])?;
    let ns = target(container.namespace()?);
    set(&ns, &[("vm.overcommit_memory", "1")])?;
    let host = std::fs::read_to_string(MODE)?;
    let write = format!("echo 2 | tee {MODE}");
    let output = container.exec(&["sh", "-c", &write])?;
    expect(output.status != 0, "the write succeeded", "EPERM")?;
    let told = output.stderr.contains("not permitted");
    expect(told, &output.stderr, "Operation not permitted")?;
    expect_eq("the value inside", container.read(MODE)?.as_str(), "1")?;
    expect_eq("the host's", std::fs::read_to_string(MODE)?, host)
}

pub(super) fn inside_rw_lets_the_container_write_within_its_bounds() -> Outcome {
    let mut scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    set(
        &ns,
        &[
            ("vm.overcommit_ratio", "50"),
            ("vm.overcommit_ratio.inside", "rw"),
            ("vm.overcommit_ratio.min", "20"),
            ("vm.overcommit_ratio.max", "80"),
            ("vm.overcommit_memory", "1"),
            ("thp_enabled", "never"),
            ("thp_enabled.inside", "rw"),
        ],
    )?;
    let shown_row = row("show", &ns, "vm.overcommit_ratio")?;
    for (word, value) in [("inside", "rw"), ("min", "20"), ("max", "80")] {
        expect_eq(word, shown_row.word(word), value)?;
    }
    let host = Values::read();
    for value in ["20", "80", "50\n", " 33 \n"] {
        let refused = scout.write(RATIO, value)?;
        expect_eq(&format!("the refusal of {value:?}"), refused, None)?;
        let number = value.trim();
        expect_eq("the ratio inside", scout.read(RATIO)?.as_str(), number)?;
        let own = (number.to_owned(), "own".to_owned());
        expect_eq("the ratio shown", shown(&ns, "vm.overcommit_ratio")?, own)?;
    }
    for (value, errno) in [
        ("19", "EPERM"),
        ("81", "EPERM"),
        ("2147483647", "EPERM"),
        ("-1", "EPERM"),
        ("2147483648", "EINVAL"),
        ("half", "EINVAL"),
    ] {
        let refused = scout.write(RATIO, value)?;
        expect_eq(&format!("{value:?}"), refused.as_deref(), Some(errno))?;
        expect_eq("the ratio then", scout.read(RATIO)?.as_str(), "33")?;
    }
    let other = scout.write(MODE, "0")?;
    expect_eq("a key that is read-only", other.as_deref(), Some("EPERM"))?;
    expect_eq("the refusal of THP", scout.write(THP, "always\n")?, None)?;
    expect_eq("THP inside", chosen(&scout.read(THP)?), "always")?;
    let misspelt = scout.write(THP, "sometimes")?;
    expect_eq("a wrong word", misspelt.as_deref(), Some("EINVAL"))?;
    expect_eq("THP then", chosen(&scout.read(THP)?), "always")?;
    // A container has one word for both files: those of 2 MiB inherit already.
    expect_eq("`inherit` for 2 MiB", scout.write(THP_2M, "inherit")?, None)?;
    expect_eq("THP still", chosen(&scout.read(THP)?), "always")?;
    // Opening the THP gate raises min_free_kbytes; kernel_review 8 documents it.
    let changes = host.changes(&Values::read(), &["/proc/sys/vm/min_free_kbytes"]);
    expect(changes.is_empty(), changes.join(", "), "the host's values")
}

pub(super) fn bounds_hold_for_nested_containers() -> Outcome {
    let outer = Scout::send_into_new_namespace()?;
    let ns = target(outer.namespace()?);
    set(
        &ns,
        &[
            ("vm.overcommit_ratio", "50"),
            ("vm.overcommit_ratio.inside", "rw"),
            ("vm.overcommit_ratio.max", "60"),
        ],
    )?;
    let mut inner = Scout::send()?;
    inner.does(&Order::Enter(format!("/proc/{}/ns/pid", outer.pid()?)))?;
    inner.does(&Order::NewPid)?;
    let inner_ns = target(inner.namespace()?);
    expect_eq("the value it inherits", inner.read(RATIO)?.as_str(), "50")?;
    let request = format!("vkernel 1 set {inner_ns}\nvm.overcommit_ratio=61\n");
    let expected = Expected::new("ERANGE").at(2, "vm.overcommit_ratio");
    refuses(&inner_ns, request.as_bytes(), expected)?;
    let refused = inner.write(RATIO, "61")?;
    expect_eq("61 from inside", refused.as_deref(), Some("EPERM"))?;
    expect_eq("60 from inside", inner.write(RATIO, "60")?, None)?;
    expect_eq("the inner value", inner.read(RATIO)?.as_str(), "60")?;
    let outer_value = shown(&ns, "vm.overcommit_ratio")?.0;
    expect_eq("the outer value", outer_value.as_str(), "50")
}

pub(super) fn bounds_that_come_later_hold_for_nested_containers() -> Outcome {
    let _tidy = Tidy;
    let outer = Scout::send_into_new_namespace()?;
    let ns = target(outer.namespace()?);
    // Two ways to have a value before anybody sets a bound: set, and born with.
    let mut inner = Scout::send_below(&outer)?;
    let inner_ns = target(inner.namespace()?);
    set(&inner_ns, &[("vm.overcommit_ratio", "90")])?;
    set("default", &[("vm.overcommit_ratio", "95")])?;
    let mut born = Scout::send_below(&outer)?;
    expect_eq("the value set", inner.read(RATIO)?.as_str(), "90")?;
    expect_eq("the value born with", born.read(RATIO)?.as_str(), "95")?;
    let bounds = [
        ("vm.overcommit_ratio", "50"),
        ("vm.overcommit_ratio.max", "60"),
    ];
    set(&ns, &bounds)?;
    let mut younger = Scout::send_below(&outer)?;
    for scout in [&mut inner, &mut born, &mut younger] {
        expect_eq("the value inside", scout.read(RATIO)?.as_str(), "60")?;
        let ns_of_it = target(scout.namespace()?);
        let bound = ("60".to_owned(), ns.clone());
        expect_eq(
            "what is shown",
            shown(&ns_of_it, "vm.overcommit_ratio")?,
            bound,
        )?;
    }
    set(&ns, &[("vm.overcommit_ratio.max", "70")])?;
    expect_eq("the value then", inner.read(RATIO)?.as_str(), "70")?;
    unset(&ns)?;
    expect_eq("the value at last", inner.read(RATIO)?.as_str(), "90")?;
    expect_eq("of the other", born.read(RATIO)?.as_str(), "95")
}

pub(super) fn refuses_bounds_without_a_value_between_them() -> Outcome {
    let scout = Scout::send_into_new_namespace()?;
    let ns = target(scout.namespace()?);
    let request = format!(
        "vkernel 1 set {ns}\nvm.overcommit_ratio=5\nvm.overcommit_ratio.min=6\nvm.overcommit_ratio.max=5\n"
    );
    let expected = Expected::new("EINVAL").at(3, "vm.overcommit_ratio.min");
    refuses(&ns, request.as_bytes(), expected)?;
    set(
        &ns,
        &[
            ("vm.overcommit_ratio", "5"),
            ("vm.overcommit_ratio.max", "5"),
        ],
    )?;
    let request = format!("vkernel 1 set {ns}\nvm.overcommit_ratio.min=6\n");
    let expected = Expected::new("EINVAL").at(2, "vm.overcommit_ratio.min");
    refuses(&ns, request.as_bytes(), expected)
}

pub(super) fn the_host_takes_the_right_to_write_away_again() -> Outcome {
    let container = Container::start(Runtime::Runc, "writer", &["sleep", "1000"])?;
    let ns = target(container.namespace()?);
    let write = |value: &str| container.exec(&["sh", "-c", &format!("echo {value} > {RATIO}")]);
    set(
        &ns,
        &[
            ("vm.overcommit_ratio", "50"),
            ("vm.overcommit_ratio.inside", "rw"),
        ],
    )?;
    expect_eq("the status of the write", write("42")?.status, 0)?;
    expect_eq("the value inside", container.read(RATIO)?.as_str(), "42")?;
    set(&ns, &[("vm.overcommit_ratio.inside", "ro")])?;
    let output = write("43")?;
    expect(output.status != 0, "the write succeeded", "EPERM")?;
    expect_eq("the value then", container.read(RATIO)?.as_str(), "42")?;
    let own = ("42".to_owned(), "own".to_owned());
    expect_eq("the value shown", shown(&ns, "vm.overcommit_ratio")?, own)?;
    Ok(())
}

//! KTAP, the form of KUnit's results in the kernel log.

/// A suite's result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suite {
    /// Its name.
    pub(crate) name: String,
    /// Whether it says `ok`.
    pub(crate) has_passed: bool,
    /// The names of its cases that failed.
    pub(crate) failed: Vec<String>,
}

/// Reads the suites out of a kernel log.
pub(crate) fn suites(log: &str) -> Vec<Suite> {
    let mut suites = Vec::new();
    let mut failed = Vec::new();
    for line in log.lines().map(without_time) {
        match result(line) {
            // A suite's own line stands at the margin, its cases' are indented.
            Some((has_passed, name)) if !line.starts_with(' ') => suites.push(Suite {
                name: name.to_owned(),
                has_passed,
                failed: std::mem::take(&mut failed),
            }),
            Some((false, name)) => failed.push(name.to_owned()),
            Some((true, _)) | None => {}
        }
    }
    suites
}

/// Cuts off `[    1.234567] `, and the caller's mark behind it if there is one.
fn without_time(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    match line.strip_prefix('[').and_then(|it| it.split_once("] ")) {
        Some((time, rest)) if time.trim().starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => line,
    }
}

/// Reads `ok 1 name` or `not ok 1 name # why`.
fn result(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_start();
    let (has_passed, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, name) = rest.split_once(' ')?;
    number.parse::<u32>().ok()?;
    Some((has_passed, name.split_whitespace().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[    3.100000] KTAP version 1
[    3.100001] 1..2
[    3.100002]     KTAP version 1
[    3.100003]     # Subtest: vk_hook
[    3.100004]     1..2
[    3.100005]     ok 1 plans
[    3.100006]     # refuses: ASSERTION FAILED at x.rs:1
[    3.100007]     not ok 2 refuses
[    3.100008] # vk_hook: pass:1 fail:1 skip:0 total:2
[    3.100009] not ok 1 vk_hook
[    3.100010]     KTAP version 1
[    3.100011]     # Subtest: vk_thp
[    3.100012]     ok 1 decides
[    3.100013] ok 2 vk_thp
";

    #[test]
    fn reads_suites_and_their_failed_cases() {
        let suites = suites(LOG);
        let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["vk_hook", "vk_thp"]);
        assert!(!suites[0].has_passed && suites[1].has_passed);
        assert_eq!(suites[0].failed, ["refuses"]);
    }

    #[test]
    fn takes_no_other_line_for_a_result() {
        assert!(suites("[    1.0] ok computer\nok then\n").is_empty());
    }
}

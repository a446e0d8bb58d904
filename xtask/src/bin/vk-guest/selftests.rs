//! The selftests mode: the kernel's own tests in a container, without the module and with a policy
//! that says what the host says. Both must end in the same way.

mod digest;
mod neutral;

use std::time::Instant;

use anyhow::{ensure, Context, Result};
use xtask::protocol::Line;
use xtask::selftest::{Selftest, MM};

use crate::container::{self, Container, Runtime};
use crate::dmesg::KernelLog;
use crate::oci::Spec;
use crate::port::{say, send};
use crate::problem::{expect, fail, skip, Outcome};
use crate::test::{line, log_is_clean};
use crate::{module, setting};
use digest::Digest;

/// How long one test may take, in seconds.
const LIMIT_S: &str = "900";

/// Gives up what root may.
const NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--bounding-set=-all",
];

/// Of how many in a hundred the success without the module makes the list worth something.
const SHARE: usize = 60;

/// The host's values, so that its own tests can tell: huge pages for who asks.
const HOST: &[(&str, &str)] = &[
    ("/sys/kernel/mm/transparent_hugepage/enabled", "madvise"),
    ("/proc/sys/kernel/randomize_va_space", "0"),
];

/// Runs the tests whose name has one of `names` in it, all if that is empty.
///
/// # Errors
///
/// The module cannot be loaded or taken out, or a container cannot be made.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let chosen = |test: &&Selftest| {
        names.is_empty() || names.iter().any(|name| test.name.contains(name.as_str()))
    };
    let tests: Vec<&Selftest> = MM.iter().filter(chosen).collect();
    for (path, value) in HOST {
        std::fs::write(path, value).with_context(|| format!("cannot write {path}"))?;
    }
    let area = "selftests".to_owned();
    send(&Line::Begin { area: area.clone() });
    let log = KernelLog::from_now();
    let without = tests.iter().map(|test| ends_without(test));
    let without = without.collect::<Result<Vec<_>>>()?;
    module::load(&[])?;
    let with = tests.iter().map(|test| ends_with(test));
    let with = with.collect::<Result<Vec<_>>>()?;
    module::unload()?;
    for ((test, without), with) in tests.iter().zip(&without).zip(&with) {
        let outcome = judge(test, without, with)?;
        say(format!(
            "{:<24} without {without:<28} with {with}",
            test.name
        ));
        send(&line(format!("selftests/{}", test.name), outcome));
    }
    if names.is_empty() {
        let enough = enough_pass(&without);
        send(&line("selftests/enough-pass-without".to_owned(), enough));
    }
    let clean = log.and_then(log_is_clean);
    send(&line("selftests/kernel-log-is-clean".to_owned(), clean));
    send(&Line::End { area });
    Ok(())
}

/// Expects the same end with the module as without it. Where both differ, the test is run without
/// the module once more: if it then ends in a third way, it says nothing about the module.
fn judge(test: &Selftest, without: &Digest, with: &Digest) -> Result<Outcome> {
    if without.agrees(with) {
        return Ok(Ok(()));
    }
    let again = ends_without(test)?;
    if !again.agrees(without) {
        return Ok(skip(format!(
            "it does not end in the same way twice without the module: {}; with it: {}",
            without.difference(&again),
            with.difference(without)
        )));
    }
    Ok(fail(
        format!(
            "with the module {with}: {}; it said last {:?}",
            with.difference(without),
            with.last()
        ),
        without,
    ))
}

fn enough_pass(without: &[Digest]) -> Outcome {
    let passed = without.iter().filter(|digest| digest.passed()).count();
    expect(
        passed * 100 >= without.len() * SHARE,
        format!("{passed} of {} pass without the module", without.len()),
        format!("{SHARE} %"),
    )
}

fn ends_without(test: &Selftest) -> Result<Digest> {
    let container = start()?;
    let digest = runs(&container, test);
    container.stop()?;
    digest
}

/// Runs it where every key that it may touch is the container's own, and writable from inside.
fn ends_with(test: &Selftest) -> Result<Digest> {
    let container = start()?;
    let before = setting::host_thp()?;
    let features = neutral::set(&format!("ns:{}", container.namespace()?))?;
    for feature in features {
        ensure!(crate::policy::is_armed(&feature)?, "{feature} is not armed");
    }
    let digest = runs(&container, test);
    container.stop()?;
    let after = setting::host_thp()?;
    ensure!(
        before == after,
        "{}: the host had {before}, has {after}",
        test.name
    );
    digest
}

fn start() -> Result<Container> {
    container::remove_left_over();
    let spec = Spec::new("selftest", &["sleep", "100000"]).privileged();
    let container = Container::create(Runtime::Crun, spec)?;
    container.begin()?;
    container.output(&["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"])?;
    Ok(container)
}

fn runs(container: &Container, test: &Selftest) -> Result<Digest> {
    let how = if module::is_loaded() {
        "with"
    } else {
        "without"
    };
    let started = Instant::now();
    let program = format!("/vk/{}", test.payload());
    let mut words = vec!["timeout", "--signal=KILL", LIMIT_S];
    if test.is_for_nobody {
        words.extend(NOBODY);
    }
    words.push(&program);
    words.extend(test.arguments);
    let digest = Digest::of(&container.exec(&words)?);
    let seconds = started.elapsed().as_secs();
    say(format!(
        "{} {how} the module: {digest}, {seconds} s",
        test.name
    ));
    Ok(digest)
}

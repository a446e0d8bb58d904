//! What the guest was asked to do.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use xtask::protocol::Line;
use xtask::request::{Request, FILE, PAYLOAD};

use crate::{bench, demo, leaks, module, port, program, selftests, shell, test, torture, watchdog};

/// Does it, and closes the report.
pub(crate) fn run() -> ExitCode {
    if let Err(error) = request().and_then(serve) {
        port::send(&Line::Failed {
            name: "guest/request".to_owned(),
            why: format!("{error:#}, expected no error"),
        });
    }
    port::close();
    ExitCode::SUCCESS
}

fn request() -> Result<Request> {
    let path = format!("{PAYLOAD}/{FILE}");
    let text = fs::read(&path).with_context(|| format!("cannot read {path}"))?;
    serde_json::from_slice(&text).context("cannot read the request")
}

fn serve(request: Request) -> Result<()> {
    match request {
        Request::Test {
            areas,
            only,
            is_inline,
        } => {
            watchdog::start();
            module::always_inline(is_inline);
            test::run(&areas, only.as_deref());
        }
        Request::Bench { workloads, samples } => bench::run(&workloads, samples)?,
        Request::BenchHook => bench::run_hook()?,
        Request::Births => bench::run_births()?,
        Request::Effect => bench::run_effect()?,
        Request::Forks => bench::run_forks()?,
        Request::Recounts => bench::run_recounts()?,
        Request::Touch => bench::run_touch()?,
        Request::Programs => bench::run_programs()?,
        Request::Vote => bench::run_vote()?,
        Request::Shell => shell::run()?,
        Request::Torture {
            names,
            minutes,
            count,
        } => torture::run(&names, torture::Until::new(minutes, count)),
        Request::Selftests { names } => selftests::run(&names)?,
        Request::Nothing => {}
        // The results are lines of the kernel log, which xtask reads.
        Request::Kunit => {
            program::output(&["insmod", "/vk/vk_kunit.ko"])?;
            if leaks::are_looked_for() {
                let name = "kunit/nothing-leaked".to_owned();
                port::send(&test::line(name, leaks::are_none()));
            }
        }
        Request::Demo => demo::run(),
    }
    Ok(())
}

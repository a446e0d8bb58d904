//! BPF programs that may answer in a function's place, fmod_ret.

use anyhow::{anyhow, Result};

use crate::bpf::{self, Place, Program};
use crate::device::ask;
use crate::doctor;
use crate::loaded::Loaded;
use crate::policy::target;
use crate::problem::{expect, expect_contains, expect_eq, Outcome};
use crate::row::rows;
use crate::scout::{Ask, Order, Scout};
use crate::setting::Setting;
use crate::{btf, calls};

/// Those that may be modified: BPF's own way into the security modules.
const MODIFIABLE: [&str; 2] = ["security_syslog", "security_file_free"];

pub(super) fn bpf_fmod_ret_takes_hooked_functions_of_security_alone() -> Outcome {
    let _loaded = Loaded::with(&["armed=0"])?;
    let hooks = rows("hooks", "", &[])?;
    let names = hooks.into_iter().map(|hook| hook.name).collect();
    let functions = btf::functions(&names)?;
    for name in MODIFIABLE {
        expect(functions.contains_key(name), format!("no {name}"), "one")?;
    }
    for (name, function) in functions {
        let loaded = bpf::load(Place::FmodRet, &function, None, -1);
        let seen = loaded.err().map(|error| format!("{error:#}"));
        let seen = seen.unwrap_or_else(|| "the program was loaded".to_owned());
        let expected = match MODIFIABLE.contains(&name.as_str()) {
            true => "the program was loaded",
            false => "is not modifiable",
        };
        expect_contains(&name, &seen, expected)?;
    }
    Ok(())
}

/// The function that both want: it is asked who may read the kernel log.
const FUNCTION: &str = "security_syslog";

/// Where the host lets everybody read it.
const LOG: &str = "/proc/sys/kernel/dmesg_restrict";

pub(super) fn bpf_fmod_ret_comes_first() -> Outcome {
    let _log = Setting::put(LOG, "0")?;
    let there = come()?.map_err(|why| anyhow!("{why}"))?;
    let _loaded = Loaded::with(&[])?;
    let mut secret = Secret::send()?;
    let answer = secret.ask_for_policy()?;
    expect_eq("the error", answer.errno(), Some("EBUSY"))?;
    expect_contains("the sentence", &answer.head, FUNCTION)?;
    expect_eq("the holder", doctor::holder(FUNCTION)?.as_str(), "bpf")?;
    works(&there)?;
    drop(there);
    secret.ask_for_policy()?.accepted()?;
    secret.is_kept()
}

pub(super) fn bpf_fmod_ret_comes_second() -> Outcome {
    let _log = Setting::put(LOG, "0")?;
    let _loaded = Loaded::with(&[])?;
    let mut secret = Secret::send()?;
    secret.ask_for_policy()?.accepted()?;
    let refused = come()?.err().unwrap_or_default();
    expect_contains("the refusal", &refused, "Invalid argument")?;
    secret.is_kept()
}

/// Puts a program there that lets the function answer; the inner error is the kernel's refusal.
fn come() -> Result<Result<Program, String>> {
    bpf::counts_runs(true)?;
    let come = Program::attach(Place::FmodRet, FUNCTION, None, 0)?;
    Ok(come.map_err(|error| error.to_string()))
}

/// The host's question is seen.
fn works(program: &Program) -> Outcome {
    let before = program.runs()?;
    calls::log_size().map_err(|error| anyhow!("the log: {error}"))?;
    expect(program.runs()? > before, "the host's question", "seen")
}

/// A namespace without capabilities, which may be kept from the kernel log.
#[derive(Debug)]
struct Secret {
    scout: Scout,
    target: String,
}

impl Secret {
    fn send() -> Result<Self> {
        let mut scout = Scout::send_into_new_namespace()?;
        let target = target(scout.namespace()?);
        scout.does(&Order::DropAll)?;
        Ok(Self { scout, target })
    }

    fn ask_for_policy(&self) -> Result<crate::device::Answer> {
        ask("set", &self.target, &[("kernel.dmesg_restrict", "1")])
    }

    fn is_kept(&mut self) -> Outcome {
        let seen = self.scout.order(&Order::Ask(Ask::LogSize))?;
        expect_eq("the log inside", seen.err(), Some(libc::EPERM))
    }
}

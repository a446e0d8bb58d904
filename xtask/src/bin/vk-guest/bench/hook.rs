//! One call of `security_vkbench()` of vk_bench.ko, diverted in every way, one at a time.

use std::fs;

use anyhow::{anyhow, ensure, Context, Result};
use xtask::call_cost::{CallCost, Outcome, Way};
use xtask::protocol::Line;

use super::quiet;
use crate::bpf::{self, Place, Program};
use crate::neighbour::Patch;
use crate::scout::Scout;
use crate::{port, program};

const FUNCTION: &str = "security_vkbench";
const MODULE: &str = "vk_bench";

/// Takes the name of a way that the module puts on itself.
const WAY: &str = "/sys/kernel/debug/vkbench/way";

/// Measures when it is read: minimum, median, and what the function answered.
const CALLS: &str = "/sys/kernel/debug/vkbench/calls";

/// Whether kprobes become jumps.
const OPTIMIZATION: &str = "/proc/sys/debug/kprobes-optimization";

/// What our hook, the live patch and the answering BPF program make of the argument 7.
const ANSWER: i64 = !7;

/// Measures every way and reports each.
///
/// # Errors
///
/// A way cannot be put on, or does something else than its name says.
pub(crate) fn run() -> Result<()> {
    program::output(&["insmod", "/vk/vk_bench.ko"])?;
    bpf::counts_runs(false)?;
    // Not the first to be measured: it comes from a namespace, and so must the others' reader.
    let mut stranger = Scout::send_into_new_namespace()?;
    let plain = calls(&mut Reader::Host)?.answer;
    for way in Way::ALL {
        let on = On::put(*way).with_context(|| way.to_string())?;
        quiet::wait()?;
        let mut reader = match way {
            Way::OursFtraceRust | Way::OursInlineRust => Reader::Namespace(&mut stranger),
            _ => Reader::Host,
        };
        let calls = calls(&mut reader).with_context(|| way.to_string())?;
        let expected = match way.outcome() {
            Outcome::Runs => plain,
            Outcome::Answered => ANSWER,
        };
        ensure!(
            calls.answer == expected,
            "{way}: the call answers {}, expected {expected}",
            calls.answer
        );
        port::send(&Line::Cost(CallCost {
            way: *way,
            min: calls.min,
            median: calls.median,
        }));
        drop(on);
        write(WAY, "plain")?;
    }
    drop(stranger);
    program::output(&["rmmod", MODULE]).map(|_| ())
}

/// Who calls.
enum Reader<'a> {
    /// A task of the initial namespace.
    Host,
    /// A task of another one.
    Namespace(&'a mut Scout),
}

struct Calls {
    min: u64,
    median: u64,
    answer: i64,
}

fn calls(reader: &mut Reader<'_>) -> Result<Calls> {
    let text = match reader {
        Reader::Host => fs::read_to_string(CALLS)?,
        Reader::Namespace(scout) => scout.read(CALLS)?,
    };
    let mut words = text.split_whitespace();
    let mut word = || words.next().context("the module's numbers end too early");
    Ok(Calls {
        min: word()?.parse()?,
        median: word()?.parse()?,
        answer: word()?.parse()?,
    })
}

/// A way while it is on; one that the module put on goes by [`WAY`].
enum On {
    Module,
    Bpf(#[expect(dead_code, reason = "it is on while this lives")] Program),
    Patch(#[expect(dead_code, reason = "it is on while this lives")] Patch),
}

impl On {
    fn put(way: Way) -> Result<Self> {
        let name = match way {
            Way::Plain => "plain",
            Way::OursFtracePass | Way::OursFtraceRust => "ours-ftrace",
            Way::OursInlinePass | Way::OursInlineRust => "ours-inline",
            Way::KprobeInt3 => {
                write(OPTIMIZATION, "0")?;
                "kprobe-int3"
            }
            Way::KprobeOptimized => {
                write(OPTIMIZATION, "1")?;
                "kprobe-optimized"
            }
            Way::KprobeFtrace => "kprobe-ftrace",
            Way::Ftrace => "ftrace",
            Way::FtraceRegs => "ftrace-regs",
            Way::Fprobe => "fprobe",
            Way::DirectCall => "direct-call",
            Way::DirectJump => "direct-jump",
            Way::BpfFentry => return bpf(Place::Fentry, 0),
            Way::BpfFexit => return bpf(Place::Fexit, 0),
            Way::BpfFmodRet => return bpf(Place::FmodRet, 0),
            Way::BpfFmodRetAnswer => return bpf(Place::FmodRet, ANSWER as i32),
            Way::Livepatch => {
                let patch = Patch::of_vkbench()?;
                return patch.map(Self::Patch).map_err(|why| anyhow!(why));
            }
        };
        write(WAY, name)?;
        Ok(Self::Module)
    }
}

fn bpf(place: Place, result: i32) -> Result<On> {
    Ok(On::Bpf(Program::attach(
        place,
        FUNCTION,
        Some(MODULE),
        result,
    )??))
}

fn write(path: &str, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {text} to {path}"))
}

//! A function, run as it is and hooked.

use crate::image::{distance, store, Image};
use crate::machine::{Machine, Outcome, Start};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::fmt;
use vk_hook::plan::{CodeAddr, Facts, JumpTables, Offset, Plan, Reserved, TRAMPOLINE_MAX};

/// What functions are started with: so many times each.
const STARTS: usize = 3;

/// Memory of a process: nobody else patches it.
struct Process;

impl Facts for Process {
    fn reserved(&self, _: CodeAddr, _: usize) -> Option<Reserved> {
        None
    }

    fn exception_fixup(&self, _: CodeAddr) -> Option<CodeAddr> {
        None
    }

    fn jump_tables(&self) -> JumpTables {
        JumpTables::Possible
    }
}

/// How functions fared.
#[derive(Default)]
pub(crate) struct Tally {
    hooked: usize,
    runs: usize,
    faults: usize,
    refused: BTreeMap<String, usize>,
}

impl Tally {
    /// Functions that were hooked, and did the same.
    pub(crate) fn hooked(&self) -> usize {
        self.hooked
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.hooked += other.hooked;
        self.runs += other.runs;
        self.faults += other.faults;
        for (reason, count) in &other.refused {
            *self.refused.entry(reason.clone()).or_default() += count;
        }
    }

    /// Runs a function as it is and hooked, and asserts that it did the same.
    pub(crate) fn run(&mut self, machine: &mut Machine, rng: &mut Rng, image: &Image) {
        let function = machine.code() + 256 + rng.usize(..64) as u64;
        let Some(code) = image.link(machine, function) else {
            return;
        };
        let plan = match Plan::new(&code, CodeAddr(function), &Process) {
            Ok(plan) => plan,
            Err(refusal) => return self.count(&format!("{:?}", refusal.reason())),
        };
        let starts: Vec<_> = (0..STARTS).map(|_| machine.start(rng)).collect();
        machine.write_code(function, &code);
        let before: Vec<_> = starts
            .iter()
            .map(|start| machine.run(start, function))
            .collect();
        let hook = Hook::apply(&plan, machine, rng);
        for (start, expected) in starts.iter().zip(&before) {
            hook.check(machine, start, expected, &code);
            self.faults += usize::from(expected.fault != 0);
            self.runs += 1;
        }
        self.hooked += 1;
    }

    /// Counts a refusal by the name of its reason.
    fn count(&mut self, reason: &str) {
        let name = reason.split([' ', '(', '{']).next().unwrap_or(reason);
        *self.refused.entry(name.to_owned()).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hooked, {} runs, ", self.hooked, self.runs)?;
        write!(
            f,
            "{} of them to a fault; refused {:?}",
            self.faults, self.refused
        )
    }
}

/// A plan that was applied.
struct Hook<'p> {
    plan: &'p Plan,
    function: u64,
    trampoline: u64,
}

impl<'p> Hook<'p> {
    /// Writes the trampoline, a stub that leads to it, and the jump to the stub.
    fn apply(plan: &'p Plan, machine: &Machine, rng: &mut Rng) -> Self {
        let trampoline = machine.trampolines() + rng.usize(..64) as u64;
        let stub = trampoline + TRAMPOLINE_MAX as u64;
        let bytes = plan.trampoline(CodeAddr(trampoline)).expect("a trampoline");
        machine.write_code(trampoline, bytes.bytes());
        let mut jump = store(stub, machine.mark(), 1);
        jump.push(0xe9);
        jump.extend(distance(stub + 15, trampoline));
        machine.write_code(stub, &jump);
        let patch = plan.patch(CodeAddr(stub)).expect("a patch");
        machine.write_code(patch.address().0, &patch.bytes());
        let displaced = plan.displaced();
        let function = displaced.address().0 - displaced.range().start.0 as u64;
        Self {
            plan,
            function,
            trampoline,
        }
    }

    /// Asserts that the hooked function and the trampoline do what the function did.
    fn check(&self, machine: &mut Machine, start: &Start, expected: &Outcome, code: &[u8]) {
        let hooked = machine.run(start, self.function);
        assert!(hooked.was_hooked, "{code:02x?}");
        self.compare(expected, hooked, code);
        let original = machine.run(start, self.trampoline);
        assert!(!original.was_hooked, "{code:02x?}");
        self.compare(expected, original, code);
    }

    fn compare(&self, expected: &Outcome, mut actual: Outcome, code: &[u8]) {
        actual.fault = self.fault_in_function(actual.fault);
        actual.was_hooked = expected.was_hooked;
        if *expected == actual {
            return;
        }
        let bytes = self.plan.trampoline(CodeAddr(self.trampoline));
        panic!(
            "{code:02x?} displaced {:02x?} as {:02x?}: \
             registers {:x?}, {:x?}; flags {:x}, {:x}; exit {}, {}; fault {:x}, {:x}; same memory: {}",
            self.plan.displaced().bytes(),
            bytes.expect("a trampoline").bytes(),
            expected.registers,
            actual.registers,
            expected.flags,
            actual.flags,
            expected.exit,
            actual.exit,
            expected.fault,
            actual.fault,
            expected.data == actual.data,
        );
    }

    /// Where in the function the instruction stood that faulted in the trampoline.
    fn fault_in_function(&self, fault: u64) -> u64 {
        let at = fault.wrapping_sub(self.trampoline) as usize;
        if at >= TRAMPOLINE_MAX {
            return fault;
        }
        let old = self.plan.map().old_of(Offset(at)).expect("an instruction");
        self.function + old.0 as u64
    }
}

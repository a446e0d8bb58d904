//! A plan the slow way, with iced-x86: what may be hooked, and what a trampoline means.

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic};
use vk_hook::plan::{CodeAddr, Offset, Plan, Trampoline};

/// The instructions of `code` at `address`; `None` if iced does not know one.
pub(crate) fn decode(code: &[u8], address: CodeAddr) -> Option<Vec<Instruction>> {
    let decoder = Decoder::with_ip(64, code, address.0, DecoderOptions::NONE);
    let all: Vec<_> = decoder.into_iter().collect();
    all.iter()
        .all(|insn| insn.code() != Code::INVALID)
        .then_some(all)
}

/// How many instructions of a function without a head are displaced, if it may be hooked.
pub(crate) fn displaced(all: &[Instruction]) -> Option<usize> {
    let start = all.first()?.ip();
    let count = 1 + all.iter().position(|insn| insn.next_ip() >= start + 5)?;
    let (ours, others) = all.split_at(count);
    let end = ours.last()?.next_ip();
    let inside = |address: u64| (start..end).contains(&address);
    let at_boundary = |address: u64| ours.iter().find(|insn| insn.ip() == address);
    for (number, insn) in ours.iter().enumerate() {
        let lands_well = match target(insn) {
            Some(target) if inside(target) => at_boundary(target).is_some_and(|at| !is_trap(at)),
            Some(_) => !is_loop(insn),
            None => true,
        };
        let is_padding = is_int3(insn) && is_behind_end(&ours[..number]);
        if !lands_well || !(is_padding || can_move(insn)) || reads(insn, start, end) {
            return None;
        }
    }
    for (number, insn) in others.iter().enumerate() {
        let is_recursion = is_call(insn) && target(insn) == Some(start);
        let enters = target(insn).is_some_and(inside) && !is_recursion;
        let before = all[..count + number].last()?;
        let is_breakpoint = is_int3(insn) && !can_precede_padding(before);
        if enters || is_breakpoint || reads(insn, start, end) {
            return None;
        }
    }
    Some(count)
}

/// Asserts that a trampoline means what the displaced instructions meant.
pub(crate) fn check(plan: &Plan, ours: &[Instruction], function: CodeAddr, there: &Trampoline) {
    let all = decode(there.bytes(), there.address()).expect("instructions");
    let (head, rest) = all.split_first().expect("endbr64");
    assert_eq!(head.code(), Code::Endbr64);
    let moved_to = |address: u64| {
        let old = CodeAddr(address).offset_from(function);
        let is_ours = ours.iter().any(|insn| insn.ip() == address);
        let new = plan.map().new_of(old).filter(|_| is_ours);
        new.map_or(address, |new| there.address().at(new).0)
    };
    for (old, new) in ours.iter().zip(rest) {
        assert_eq!(
            there.address().0 + new_of(plan, old, function) as u64,
            new.ip()
        );
        match target(old) {
            Some(target) => {
                assert_eq!(new.near_branch_target(), moved_to(target));
                assert_eq!(new.mnemonic(), old.mnemonic());
            }
            None => assert_eq!(old, new),
        }
    }
    let last = ours.last().expect("an instruction");
    match &rest[ours.len()..] {
        [] => assert!(is_end(last)),
        [back] => {
            assert_eq!(back.code(), Code::Jmp_rel32_64);
            assert_eq!(back.near_branch_target(), last.next_ip());
        }
        more => panic!("{more:?}"),
    }
}

fn new_of(plan: &Plan, old: &Instruction, function: CodeAddr) -> usize {
    let Offset(new) = plan
        .map()
        .new_of(CodeAddr(old.ip()).offset_from(function))
        .expect("a displaced instruction");
    new
}

fn target(insn: &Instruction) -> Option<u64> {
    let target = insn.near_branch_target();
    (target != 0).then_some(target)
}

fn is_loop(insn: &Instruction) -> bool {
    insn.is_jcx_short() || insn.is_loop() || insn.is_loopcc()
}

fn is_call(insn: &Instruction) -> bool {
    insn.is_call_near()
}

fn is_trap(insn: &Instruction) -> bool {
    let flow = insn.flow_control();
    let is_system_call = matches!(insn.mnemonic(), Mnemonic::Syscall | Mnemonic::Sysenter);
    is_system_call || matches!(flow, FlowControl::Interrupt | FlowControl::Exception)
}

/// Without a prefix: a breakpoint has one byte.
fn is_int3(insn: &Instruction) -> bool {
    insn.code() == Code::Int3 && insn.len() == 1
}

fn is_end(insn: &Instruction) -> bool {
    let flow = insn.flow_control();
    use FlowControl::{IndirectBranch, Return, UnconditionalBranch};
    matches!(flow, UnconditionalBranch | IndirectBranch | Return)
}

/// Whether int3 behind these is padding.
fn is_behind_end(before: &[Instruction]) -> bool {
    let mut back = before.iter().rev();
    back.find(|insn| !is_int3(insn)).is_some_and(is_end)
}

fn can_precede_padding(insn: &Instruction) -> bool {
    use FlowControl::{Call, IndirectCall};
    is_end(insn) || is_trap(insn) || matches!(insn.flow_control(), Call | IndirectCall)
}

fn can_move(insn: &Instruction) -> bool {
    use FlowControl::{ConditionalBranch, IndirectBranch, Next, UnconditionalBranch};
    let flow = insn.flow_control();
    let goes_on = matches!(flow, Next | ConditionalBranch);
    let is_endbr = insn.code() == Code::Endbr64;
    !is_endbr && (goes_on || matches!(flow, UnconditionalBranch | IndirectBranch))
}

/// Whether an operand relative to RIP is in the patch, or may reach into it.
fn reads(insn: &Instruction, start: u64, end: u64) -> bool {
    if !insn.is_ip_rel_memory_operand() {
        return false;
    }
    let operand = insn.ip_rel_memory_address();
    match insn.mnemonic() {
        Mnemonic::Lea => operand != start && (start..end).contains(&operand),
        _ => (start - 63..end).contains(&operand),
    }
}

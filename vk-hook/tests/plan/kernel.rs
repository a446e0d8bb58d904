//! A kernel in a few lines, and how the other files ask it.

use vk_hook::plan::{CodeAddr, Facts, JumpTables, Offset, Plan, Reason, Refusal, Reserved};

/// Where functions of the tests are.
pub(crate) const FUNCTION: CodeAddr = CodeAddr(0xffff_ffff_8123_4000);
/// Where their trampolines are.
pub(crate) const TRAMPOLINE: CodeAddr = CodeAddr(0xffff_ffff_c000_1000);

pub(crate) const ENDBR: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
pub(crate) const NOP: [u8; 5] = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/// What the kernel knows; offsets are in the function.
#[derive(Default)]
pub(crate) struct Kernel {
    pub(crate) reserved: Vec<(usize, Reserved)>,
    pub(crate) fixups: Vec<(usize, usize)>,
    pub(crate) has_jump_tables: bool,
}

impl Facts for Kernel {
    fn reserved(&self, start: CodeAddr, len: usize) -> Option<Reserved> {
        let start = start.offset_from(FUNCTION).0;
        let mut all = self.reserved.iter();
        let found = all.find(|(at, _)| (start..start + len).contains(at));
        found.map(|(_, owner)| *owner)
    }

    fn exception_fixup(&self, insn: CodeAddr) -> Option<CodeAddr> {
        let at = insn.offset_from(FUNCTION).0;
        let found = self.fixups.iter().find(|(from, _)| *from == at);
        found.map(|(_, to)| FUNCTION.at(Offset(*to)))
    }

    fn jump_tables(&self) -> JumpTables {
        match self.has_jump_tables {
            true => JumpTables::Possible,
            false => JumpTables::Never,
        }
    }
}

/// The bytes, with more behind them that do nothing.
pub(crate) fn function(parts: &[&[u8]]) -> Vec<u8> {
    [&parts.concat()[..], &[0x90; 8], &[0xc3]].concat()
}

/// The plan for a function in a kernel that does not object.
pub(crate) fn plan(code: &[u8]) -> Plan {
    Plan::new(code, FUNCTION, &Kernel::default()).expect("a plan")
}

/// The refusal of a function by a kernel that does not object.
pub(crate) fn refusal(code: &[u8]) -> Refusal {
    refusal_in(&Kernel::default(), code)
}

pub(crate) fn refusal_in(kernel: &Kernel, code: &[u8]) -> Refusal {
    Plan::new(code, FUNCTION, kernel).expect_err("a refusal")
}

/// The offset, bytes and reason of a refusal.
pub(crate) fn said(refusal: &Refusal) -> (usize, &[u8], Reason) {
    (refusal.at().0, refusal.insn(), refusal.reason())
}

/// The trampoline's bytes between `endbr64` and the way back, and where the way back goes.
pub(crate) fn body(plan: &Plan) -> (Vec<u8>, Option<Offset>) {
    let trampoline = plan.trampoline(TRAMPOLINE).expect("a trampoline");
    let bytes = trampoline.bytes();
    let (head, rest) = bytes.split_at(4);
    assert_eq!(head, ENDBR);
    let end = plan.map().new_of(plan.displaced().range().end).unwrap().0;
    if end == bytes.len() {
        return (rest.to_vec(), None);
    }
    let (moved, back) = rest.split_at(end - 4);
    assert_eq!((back[0], back.len()), (0xe9, 5));
    (
        moved.to_vec(),
        Some(target(end + 5, &back[1..]).offset_from(FUNCTION)),
    )
}

/// What four bytes of distance lead to, from `next` in the trampoline.
pub(crate) fn target(next: usize, rel: &[u8]) -> CodeAddr {
    let rel = i32::from_le_bytes(rel.try_into().unwrap());
    CodeAddr(
        TRAMPOLINE
            .0
            .wrapping_add(next as u64)
            .wrapping_add_signed(rel.into()),
    )
}

/// The same, as an offset in the function.
pub(crate) fn offset(next: usize, rel: &[u8]) -> usize {
    target(next, rel).offset_from(FUNCTION).0
}

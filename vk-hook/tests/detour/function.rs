//! The function under test, and a plan for it.

use vk_hook::plan::{CodeAddr, Facts, JumpTables, Plan, Reserved};

/// endbr64; nopl 0(%rax,%rax); push %rbx; mov %rdi,%rbx; lea (%rbx,%rbx,2),%rax; add $1,%rax;
/// pop %rbx; ret: three times its argument, and one.
pub(crate) const CODE: [u8; 23] = [
    0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x53, 0x48, 0x89, 0xfb, 0x48, 0x8d, 0x04,
    0x5b, 0x48, 0x83, 0xc0, 0x01, 0x5b, 0xc3,
];

/// Where the displaced instructions are, and how many bytes they have: push, mov, lea.
pub(crate) const SITE: usize = 9;
pub(crate) const DISPLACED: usize = 8;

struct Quiet;

impl Facts for Quiet {
    fn reserved(&self, _: CodeAddr, _: usize) -> Option<Reserved> {
        None
    }
    fn exception_fixup(&self, _: CodeAddr) -> Option<CodeAddr> {
        None
    }
    fn jump_tables(&self) -> JumpTables {
        JumpTables::Never
    }
}

/// The plan of the function at `address`.
pub(crate) fn plan(address: CodeAddr) -> Plan {
    let plan = Plan::new(&CODE, address, &Quiet).expect("a plan");
    assert_eq!(plan.displaced().range().start.0, SITE);
    assert_eq!(plan.displaced().bytes().len(), DISPLACED);
    plan
}

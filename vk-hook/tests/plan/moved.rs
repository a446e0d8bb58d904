//! What is displaced, and what becomes of it.

use crate::kernel::{
    body, function, offset, plan, target, Kernel, ENDBR, FUNCTION, NOP, TRAMPOLINE,
};
use vk_hook::plan::{CodeAddr, Offset, Plan, Reserved, TRAMPOLINE_MAX};

/// push %r12; mov %edx,%r12d
const PUSH_MOV: [u8; 5] = [0x41, 0x54, 0x41, 0x89, 0xd4];

#[test]
fn patches_behind_endbr_and_the_nop_wherever_they_are() {
    let poison: &[u8] = &[0x0f, 0x1f, 0x40, 0xd6];
    let heads: [(&[&[u8]], usize); 6] = [
        (&[&ENDBR, &NOP], 9),
        (&[&NOP], 5),
        (&[&ENDBR], 4),
        (&[], 0),
        (&[poison, &NOP], 9),
        (&[&[0x66, 0x0f, 0x1f, 0x00]], 4),
    ];
    for (head, site) in heads {
        let plan = plan(&function(&[&head.concat(), &PUSH_MOV]));
        assert_eq!(plan.displaced().range(), Offset(site)..Offset(site + 5));
        assert_eq!(plan.displaced().bytes(), PUSH_MOV);
        assert_eq!(body(&plan), (PUSH_MOV.to_vec(), Some(Offset(site + 5))));
        let patch = plan.patch(TRAMPOLINE).unwrap();
        assert_eq!(patch.address(), FUNCTION.at(Offset(site)));
        assert_eq!(patch.original(), PUSH_MOV);
    }
}

#[test]
fn a_direct_way_into_the_trampoline_leaves_out_its_endbr() {
    let plan = plan(&function(&[&ENDBR, &NOP, &PUSH_MOV]));
    let trampoline = plan.trampoline(TRAMPOLINE).unwrap();
    let direct = trampoline.direct().offset_from(TRAMPOLINE);
    assert_eq!(trampoline.bytes()[..direct.0], ENDBR);
    assert!(trampoline.bytes()[direct.0..].starts_with(&PUSH_MOV));
}

#[test]
fn leaves_a_traced_function_its_call() {
    let call = [0xe8, 0x00, 0x10, 0x00, 0x00];
    let kernel = Kernel {
        reserved: vec![(4, Reserved::Ftrace)],
        ..Kernel::default()
    };
    let code = function(&[&ENDBR, &call, &PUSH_MOV]);
    let plan = Plan::new(&code, FUNCTION, &kernel).unwrap();
    assert_eq!(plan.displaced().range().start, Offset(9));
}

#[test]
fn jumps_to_the_stub() {
    let plan = plan(&function(&[&ENDBR, &PUSH_MOV]));
    let stub = CodeAddr(FUNCTION.0 + 0x1009);
    let [opcode, rel @ ..] = plan.patch(stub).unwrap().bytes();
    assert_eq!(opcode, 0xe9);
    assert_eq!(i32::from_le_bytes(rel), 0x1000);
}

#[test]
fn takes_whole_instructions() {
    // push %r15; push %r14; mov %rdi,%r14: __thp_vma_allowable_orders.
    let displaced = [0x41, 0x57, 0x41, 0x56, 0x49, 0x89, 0xfe];
    assert_eq!(
        plan(&function(&[&displaced])).displaced().bytes(),
        displaced
    );
}

#[test]
fn keeps_operands_that_are_relative_to_rip() {
    // mov 0x100(%rip),%rax: vm_commit_limit.
    let plan = plan(&function(&[&[0x48, 0x8b, 0x05, 0x00, 0x01, 0x00, 0x00]]));
    let (moved, back) = body(&plan);
    assert_eq!(moved[..3], [0x48, 0x8b, 0x05]);
    assert_eq!(offset(4 + 7, &moved[3..]), 0x107);
    assert_eq!(back, Some(Offset(7)));
}

#[test]
fn keeps_operands_of_eip_relative_instructions() {
    // lea 0x100(%eip),%eax; the upper half of the address is cut off.
    let plan = plan(&function(&[&[0x67, 0x8d, 0x05, 0x00, 0x01, 0x00, 0x00]]));
    let (moved, _) = body(&plan);
    assert_eq!(
        target(4 + 7, &moved[3..]).0 as u32,
        (FUNCTION.0 as u32) + 0x107
    );
}

#[test]
fn widens_jumps() {
    // test %rdi,%rdi; jne +0x15: vma_thp_gfp_mask.
    let (moved, back) = body(&plan(&function(&[&[0x48, 0x85, 0xff, 0x75, 0x15]])));
    assert_eq!(moved[..5], [0x48, 0x85, 0xff, 0x0f, 0x85]);
    assert_eq!(offset(4 + 9, &moved[5..]), 5 + 0x15);
    assert_eq!(back, Some(Offset(5)));
    // xor %eax,%eax; pushes; jmp +0x20.
    let plan = plan(&function(&[&[0x31, 0xc0, 0x55, 0x53, 0xeb, 0x20]]));
    let (moved, back) = body(&plan);
    assert_eq!(moved[..5], [0x31, 0xc0, 0x55, 0x53, 0xe9]);
    assert_eq!(offset(4 + 9, &moved[5..]), 6 + 0x20);
    assert_eq!(back, None);
}

#[test]
fn moves_long_jumps_both_ways() {
    for (jcc, rel) in [(0x84, 0x1000_i32), (0x8f, -0x1000)] {
        let insn = [&[0x0f, jcc][..], &rel.to_le_bytes()].concat();
        let (moved, back) = body(&plan(&function(&[&insn])));
        assert_eq!(moved[..2], insn[..2]);
        assert_eq!(
            target(4 + 6, &moved[2..]),
            CodeAddr(FUNCTION.0 + 6).at(Offset(rel as usize))
        );
        assert_eq!(back, Some(Offset(6)));
    }
}

#[test]
fn needs_no_way_back_from_a_tail_jump() {
    // xor %edx,%edx; jmp: proc_sys_read.
    let plan = plan(
        &[
            &ENDBR[..],
            &NOP,
            &[0x31, 0xd2, 0xe9, 0x00, 0x10, 0x00, 0x00],
        ]
        .concat(),
    );
    let (moved, back) = body(&plan);
    assert_eq!(moved[..3], [0x31, 0xd2, 0xe9]);
    assert_eq!(offset(4 + 7, &moved[3..]), 16 + 0x1000);
    assert_eq!(back, None);
}

#[test]
fn moves_padding_behind_a_jump() {
    let (moved, _) = body(&plan(&function(&[&[0xeb, 0x30, 0xcc, 0xcc, 0xcc]])));
    assert_eq!(moved[0], 0xe9);
    assert_eq!(offset(4 + 5, &moved[1..5]), 0x32);
}

#[test]
fn keeps_a_loop_among_the_displaced_in_the_trampoline() {
    // 1: dec %ecx; jrcxz 1b; jne 1b
    let code = [0xff, 0xc9, 0xe3, 0xfc, 0x75, 0xfa];
    let (moved, back) = body(&plan(&function(&[&code])));
    assert_eq!(moved[..6], [0xff, 0xc9, 0xe3, 0xfc, 0x0f, 0x85]);
    assert_eq!(target(4 + 10, &moved[6..]), TRAMPOLINE.at(Offset(4)));
    assert_eq!(back, Some(Offset(6)));
}

#[test]
fn keeps_the_distance_of_jrcxz_over_a_jump_that_grew() {
    // jrcxz +2; jne +0x20; push %rbx
    let (moved, _) = body(&plan(&function(&[&[0xe3, 0x02, 0x75, 0x20, 0x53]])));
    assert_eq!(moved[..4], [0xe3, 0x06, 0x0f, 0x85]);
}

#[test]
fn a_function_may_call_itself() {
    // push %rbx; push; push; push; push; call self
    let code = [0x53, 0x53, 0x53, 0x53, 0x53, 0xe8, 0xf6, 0xff, 0xff, 0xff];
    plan(&function(&[&code]));
}

#[test]
fn a_function_may_take_its_own_address() {
    let lea = [0x48, 0x8d, 0x05, 0xf4, 0xff, 0xff, 0xff];
    plan(&function(&[&PUSH_MOV, &lea]));
}

#[test]
fn an_exception_table_entry_elsewhere_is_no_reason() {
    let kernel = Kernel {
        fixups: vec![(5, 9)],
        ..Kernel::default()
    };
    Plan::new(&function(&[&PUSH_MOV]), FUNCTION, &kernel).unwrap();
}

#[test]
fn maps_offsets_both_ways() {
    let plan = plan(&function(&[&ENDBR, &NOP, &[0x48, 0x85, 0xff, 0x75, 0x15]]));
    let pairs: Vec<_> = plan
        .map()
        .pairs()
        .map(|(old, new)| (old.0, new.0))
        .collect();
    assert_eq!(pairs, [(9, 4), (12, 7), (14, 13)]);
    assert_eq!(plan.map().new_of(Offset(12)), Some(Offset(7)));
    assert_eq!(plan.map().new_of(Offset(10)), None);
    assert_eq!(plan.map().old_of(Offset(13)), Some(Offset(14)));
    assert_eq!(plan.map().old_of(Offset(0)), Some(Offset(9)));
    assert_eq!(plan.map().old_of(Offset(8)), None);
}

#[test]
fn the_longest_trampoline_fits() {
    // Two short jumps, and fifteen bytes: prefixes, add imm32 to memory relative to RIP.
    let long = [
        0x2e, 0x2e, 0x2e, 0x2e, 0x48, 0x81, 0x05, 0x00, 0x01, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04,
    ];
    let plan = plan(&function(&[&[0x75, 0x20, 0x74, 0x20], &long]));
    let trampoline = plan.trampoline(TRAMPOLINE).unwrap();
    assert_eq!(trampoline.bytes().len(), TRAMPOLINE_MAX);
    assert_eq!(trampoline.bytes()[TRAMPOLINE_MAX - 5], 0xe9);
}

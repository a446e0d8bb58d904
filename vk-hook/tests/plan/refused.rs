//! What is refused, with its offset and instruction.

use crate::kernel::{function, plan, refusal, refusal_in, said, Kernel, ENDBR, FUNCTION, NOP};
use vk_hook::insn::DecodeError;
use vk_hook::plan::{CodeAddr, Offset, Plan, Reason, Reserved};

const PUSHES: [u8; 5] = [0x55, 0x53, 0x55, 0x53, 0x55];

/// The refusal of the first instruction of a function with all in front of it.
fn refused_first(insn: &[u8]) -> Reason {
    let code = function(&[&ENDBR, &NOP, insn]);
    let refusal = refusal(&code);
    assert_eq!(refusal.at(), Offset(9), "{refusal}");
    assert_eq!(refusal.insn(), insn, "{refusal}");
    refusal.reason()
}

#[test]
fn refuses_what_cannot_run_elsewhere() {
    assert_eq!(refused_first(&[0xe8, 0x00, 0x10, 0x00, 0x00]), Reason::Call);
    assert_eq!(refused_first(&[0xff, 0xd0]), Reason::Call);
    assert_eq!(
        refused_first(&[0xff, 0x15, 0x00, 0x10, 0x00, 0x00]),
        Reason::Call
    );
    assert_eq!(refused_first(&[0xc3]), Reason::Return);
    assert_eq!(refused_first(&[0xc2, 0x08, 0x00]), Reason::Return);
    assert_eq!(refused_first(&[0xcc]), Reason::Trap);
    assert_eq!(refused_first(&[0x0f, 0x0b]), Reason::Trap);
    assert_eq!(refused_first(&[0x0f, 0x05]), Reason::Trap);
    assert_eq!(refused_first(&[0xe2, 0x20]), Reason::Loop);
    assert_eq!(refused_first(&[0xe3, 0x20]), Reason::Loop);
    assert_eq!(refused_first(&[0xe0, 0x80]), Reason::Loop);
    assert_eq!(
        refused_first(&[0xc7, 0xf8, 0x00, 0x01, 0x00, 0x00]),
        Reason::Transaction
    );
    assert_eq!(
        refused_first(&[0x66, 0x75, 0x20]),
        Reason::OperandSizeBranch
    );
}

#[test]
fn refuses_a_function_that_is_too_short() {
    let short = [&ENDBR[..], &NOP, &[0x31, 0xc0, 0x90, 0x90]].concat();
    let refusal = refusal(&short);
    assert_eq!(
        said(&refusal),
        (9, &[0x31, 0xc0][..], Reason::TooShort { len: 4 })
    );
    let nothing = [&ENDBR[..], &NOP].concat();
    let refusal = self::refusal(&nothing);
    assert_eq!(said(&refusal), (9, &[][..], Reason::TooShort { len: 0 }));
    let endbr = self::refusal(&ENDBR);
    assert_eq!(said(&endbr), (4, &[][..], Reason::TooShort { len: 0 }));
}

#[test]
fn refuses_what_it_cannot_decode() {
    let (unknown, truncated) = (
        function(&[&PUSHES, &[0x0f, 0x04]]),
        [&PUSHES[..], &[0x48, 0x8b]].concat(),
    );
    let refusal = refusal(&unknown);
    assert_eq!(refusal.at(), Offset(5));
    assert_eq!(
        refusal.reason(),
        Reason::Undecodable(DecodeError::Unknown { at: 1 })
    );
    let refusal = self::refusal(&truncated);
    let reason = Reason::Undecodable(DecodeError::Truncated);
    assert_eq!(said(&refusal), (5, &[0x48, 0x8b][..], reason));
    assert_eq!(self::refusal(&[]).reason(), reason);
}

#[test]
fn refuses_a_branch_into_the_displaced_bytes() {
    // jmp, jcc, loop, call, xbegin, each to the third byte or the first.
    let branches: [(&[u8], usize); 6] = [
        (&[0xeb, 0xfb], 2),
        (&[0x75, 0xf9], 0),
        (&[0xe2, 0xfc], 3),
        (&[0xe9, 0xf7, 0xff, 0xff, 0xff], 1),
        (&[0xe8, 0xf8, 0xff, 0xff, 0xff], 2),
        (&[0xc7, 0xf8, 0xf6, 0xff, 0xff, 0xff], 1),
    ];
    for (branch, target) in branches {
        let code = function(&[&PUSHES, branch]);
        let refusal = refusal(&code);
        let reason = Reason::BranchInside {
            target: Offset(target),
        };
        assert_eq!(said(&refusal), (5, branch, reason));
    }
}

#[test]
fn refuses_a_branch_among_the_displaced_that_lands_in_an_instruction() {
    // je +1; mov $0x90909090,%eax
    let refusal = refusal(&function(&[&[0x74, 0x01, 0xb8, 0x90, 0x90, 0x90, 0x90]]));
    let reason = Reason::BranchInside { target: Offset(3) };
    assert_eq!(said(&refusal), (0, &[0x74, 0x01][..], reason));
}

#[test]
fn refuses_padding_that_a_displaced_branch_reaches() {
    // je +2; jmp +0x20; int3
    let refusal = refusal(&function(&[&[0x74, 0x02, 0xeb, 0x20, 0xcc]]));
    assert_eq!(said(&refusal), (4, &[0xcc][..], Reason::Trap));
}

#[test]
fn refuses_an_absolute_jump_into_the_displaced_bytes() {
    let address = (FUNCTION.0 + 2).to_le_bytes();
    let code = function(&[&PUSHES, &[0xd5, 0x00, 0xa1], &address]);
    let reason = Reason::BranchInside { target: Offset(2) };
    assert_eq!(refusal(&code).reason(), reason);
}

#[test]
fn refuses_a_second_landing() {
    let refusal = refusal(&function(&[&[0x55], &ENDBR]));
    assert_eq!(said(&refusal), (1, &ENDBR[..], Reason::LandingInside));
    let refusal = self::refusal(&function(&[&NOP, &ENDBR]));
    assert_eq!(said(&refusal), (5, &ENDBR[..], Reason::LandingInside));
}

#[test]
fn refuses_a_branch_from_another_part() {
    let plan = plan(&function(&[&ENDBR, &PUSHES]));
    let cold = CodeAddr(FUNCTION.0 + 0x1000);
    let branch = |to: usize| -> Vec<u8> {
        let rel = (to as i32) - 0x1006;
        [&[0x90, 0xe9][..], &rel.to_le_bytes()].concat()
    };
    let refusal = plan
        .check_part(&branch(6), cold, &Kernel::default())
        .unwrap_err();
    assert_eq!(refusal.at(), Offset(1));
    assert_eq!(refusal.reason(), Reason::BranchInside { target: Offset(6) });
    assert_eq!(
        plan.check_part(&branch(9), cold, &Kernel::default()),
        Ok(())
    );
}

#[test]
fn refuses_jump_tables_where_there_may_be_some() {
    let kernel = Kernel {
        has_jump_tables: true,
        ..Kernel::default()
    };
    let code = function(&[&PUSHES, &[0xff, 0x24, 0xc5, 0x00, 0x00, 0x00, 0x81]]);
    assert_eq!(
        said(&refusal_in(&kernel, &code)),
        (5, &code[5..12], Reason::JumpTable)
    );
    assert!(Plan::new(&code, FUNCTION, &Kernel::default()).is_ok());
    let displaced = function(&[&[0x55, 0x55, 0x55, 0xff, 0xe0]]);
    assert_eq!(refusal_in(&kernel, &displaced).at(), Offset(3));
    assert!(Plan::new(&displaced, FUNCTION, &Kernel::default()).is_ok());
}

#[test]
fn refuses_bytes_of_others() {
    let owners = [
        Reserved::JumpLabel,
        Reserved::StaticCall,
        Reserved::Alternative,
        Reserved::Kprobe,
        Reserved::Bug,
        Reserved::Ftrace,
    ];
    for owner in owners {
        let kernel = Kernel {
            reserved: vec![(11, owner)],
            ..Kernel::default()
        };
        let code = function(&[&ENDBR, &NOP, &PUSHES]);
        let refusal = refusal_in(&kernel, &code);
        assert_eq!(said(&refusal), (11, &[0x55][..], Reason::Reserved(owner)));
        assert_eq!(refusal.to_errno(), -16);
    }
}

#[test]
fn refuses_padding_of_others() {
    let kernel = Kernel {
        reserved: vec![(4, Reserved::Kprobe)],
        ..Kernel::default()
    };
    let code = function(&[&[0xeb, 0x30, 0xcc, 0xcc, 0xcc]]);
    let reason = Reason::Reserved(Reserved::Kprobe);
    assert_eq!(said(&refusal_in(&kernel, &code)), (4, &[0xcc][..], reason));
}

#[test]
fn refuses_to_hook_behind_a_jump_label() {
    let kernel = Kernel {
        reserved: vec![(4, Reserved::JumpLabel)],
        ..Kernel::default()
    };
    let refusal = refusal_in(&kernel, &function(&[&ENDBR, &NOP, &PUSHES]));
    assert_eq!(
        said(&refusal),
        (4, &NOP[..], Reason::Reserved(Reserved::JumpLabel))
    );
}

#[test]
fn refuses_exception_table_entries() {
    let kernel = |from, to| Kernel {
        fixups: vec![(from, to)],
        ..Kernel::default()
    };
    let code = function(&[&PUSHES]);
    assert_eq!(
        said(&refusal_in(&kernel(3, 9), &code)),
        (3, &[0x53][..], Reason::ExceptionTable)
    );
    let reason = Reason::FixupInside { target: Offset(4) };
    assert_eq!(
        said(&refusal_in(&kernel(6, 4), &code)),
        (6, &[0x90][..], reason)
    );
}

#[test]
fn refuses_a_breakpoint_but_not_padding() {
    let refusal = refusal(&function(&[&PUSHES, &[0xcc]]));
    assert_eq!(said(&refusal), (5, &[0xcc][..], Reason::Breakpoint));
    plan(&function(&[&PUSHES, &[0xc3, 0xcc, 0xcc]]));
    plan(&function(&[&PUSHES, &[0x0f, 0x0b, 0xcc]]));
}

#[test]
fn refuses_an_operand_in_the_patch() {
    // mov, lea, and 16 bytes that begin in front of the patch.
    let operands: [&[u8]; 3] = [
        &[0x48, 0x8b, 0x05, 0xf6, 0xff, 0xff, 0xff],
        &[0x48, 0x8d, 0x05, 0xf6, 0xff, 0xff, 0xff],
        &[0x0f, 0x10, 0x05, 0xf2, 0xff, 0xff, 0xff],
    ];
    for insn in operands {
        let code = function(&[&NOP, &PUSHES, insn]);
        assert_eq!(said(&refusal(&code)), (10, insn, Reason::ReadsPatch));
    }
    let own = function(&[&[0x8b, 0x05, 0xfb, 0xff, 0xff, 0xff]]);
    assert_eq!(refusal(&own).reason(), Reason::ReadsPatch);
}

#[test]
fn refuses_what_is_out_of_reach() {
    let plan = plan(&function(&[&[0x48, 0x8b, 0x05, 0x00, 0x00, 0x00, 0x70]]));
    let far = CodeAddr(FUNCTION.0 - 0x8000_0000);
    let error = plan.patch(far).unwrap_err();
    assert_eq!(error.reason(), Reason::OutOfRange { target: far });
    assert_eq!(error.to_errno(), -34);
    assert!(plan.patch(CodeAddr(far.0 + 5)).is_ok());
    let near = CodeAddr(FUNCTION.0 - 0x2000_0000);
    let error = plan.trampoline(near).unwrap_err();
    let operand = FUNCTION.at(Offset(0x7000_0007));
    assert_eq!(error.reason(), Reason::OutOfRange { target: operand });
    assert_eq!(error.at(), Offset(0));
}

#[test]
fn says_where_and_why() {
    let refusal = refusal(&function(&[&ENDBR, &NOP, &[0xff, 0xd0]]));
    assert_eq!(
        refusal.to_string(),
        "a call to be displaced at +0x9 [ff, d0]"
    );
    assert_eq!(refusal.to_errno(), -95);
}

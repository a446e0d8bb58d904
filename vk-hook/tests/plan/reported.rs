//! Functions that other hookers broke, as their users reported them.

use crate::kernel::{body, function, offset, plan, refusal, said, target, ENDBR, TRAMPOLINE};
use vk_hook::insn::DecodeError;
use vk_hook::plan::{Offset, Reason};

/// minhook#44, PolyHook#22: `while (1)` at the entry jumps into the hooker's JMP.
#[test]
fn minhook_44_polyhook_22_an_endless_loop_at_the_entry() {
    let plan = plan(&function(&[&[0xeb, 0xfe]]));
    let (moved, _) = body(&plan);
    assert_eq!(moved[0], 0xe9);
    assert_eq!(target(4 + 5, &moved[1..5]), TRAMPOLINE.at(Offset(4)));
    // The same with a body, from far behind the patch.
    let code = function(&[&[0x53, 0x53, 0x53, 0x53, 0x53, 0x53], &[0xeb, 0xf9]]);
    let reason = Reason::BranchInside { target: Offset(1) };
    assert_eq!(said(&refusal(&code)), (6, &[0xeb, 0xf9][..], reason));
}

/// funchook looks for branches into the patch in the first 256 bytes alone.
#[test]
fn funchook_a_branch_back_from_far_behind() {
    let far = [&[0x90; 400][..], &[0xe9, 0x6c, 0xfe, 0xff, 0xff]].concat();
    let reason = Reason::BranchInside { target: Offset(1) };
    assert_eq!(said(&refusal(&far)), (400, &far[400..], reason));
}

/// REPENTOGON#121, #122: a function that begins with a jump, and one that loops to its start.
#[test]
fn repentogon_122_a_jump_first_and_a_loop_to_the_start() {
    // jmp +3; int3 ...; the loop's test behind.
    let (moved, _) = body(&plan(&function(&[&[
        0xeb, 0x03, 0xcc, 0xcc, 0xcc, 0xff, 0xcf,
    ]])));
    assert_eq!(offset(4 + 5, &moved[1..5]), 5);
    let code = function(&[&ENDBR, &[0x48, 0xff, 0xc7, 0x80, 0x3f, 0x00], &[0x75, 0xf8]]);
    let reason = Reason::BranchInside { target: Offset(4) };
    assert_eq!(said(&refusal(&code)), (10, &[0x75, 0xf8][..], reason));
}

/// 3Dmigoto#87: `jne +1` copied as it was; only the early exit crashed.
#[test]
fn migoto_87_a_short_branch_over_one_byte() {
    // jne +1; push %rbp; mov %rsp,%rbp
    let plan = plan(&function(&[&[0x75, 0x01, 0x55, 0x48, 0x89, 0xe5]]));
    let (moved, _) = body(&plan);
    assert_eq!(moved[..2], [0x0f, 0x85]);
    assert_eq!(target(4 + 6, &moved[2..6]), TRAMPOLINE.at(Offset(4 + 7)));
    assert_eq!(moved[6..], [0x55, 0x48, 0x89, 0xe5]);
}

/// SafetyHook keeps the distance of an inner branch although what is between was widened.
#[test]
fn safetyhook_an_inner_branch_over_a_widened_one() {
    // je +2; jmp +0x20; push %rbx
    let (moved, _) = body(&plan(&function(&[&[0x74, 0x02, 0xeb, 0x20, 0x53]])));
    assert_eq!(
        target(4 + 6, &moved[2..6]),
        TRAMPOLINE.at(Offset(4 + 6 + 5))
    );
    assert_eq!(offset(4 + 11, &moved[7..11]), 4 + 0x20);
}

/// mhook#14: `jng rel32` among the displaced; its user's trampoline went to nowhere.
#[test]
fn mhook_14_a_long_jump_behind_a_test() {
    // test %r8,%r8; jng +0x255; mov %rsp,%r11
    let code = [
        0x4d, 0x85, 0xc0, 0x0f, 0x8e, 0x55, 0x02, 0x00, 0x00, 0x4c, 0x8b, 0xdc,
    ];
    let plan = plan(&function(&[&code]));
    assert_eq!(plan.displaced().bytes(), &code[..9]);
    let (moved, back) = body(&plan);
    assert_eq!(moved[..5], code[..5]);
    assert_eq!(offset(4 + 9, &moved[5..]), 9 + 0x255);
    assert_eq!(back, Some(Offset(9)));
}

/// safetyhook#5: `jl rel8` among the displaced.
#[test]
fn safetyhook_5_jl() {
    // jl +0x53; mov 0x290(%rsp),%rax
    let code = [0x7c, 0x53, 0x48, 0x8b, 0x84, 0x24, 0x90, 0x02, 0x00, 0x00];
    let (moved, back) = body(&plan(&function(&[&code])));
    assert_eq!(moved[..2], [0x0f, 0x8c]);
    assert_eq!(offset(4 + 6, &moved[2..6]), 0x55);
    assert_eq!(moved[6..], code[2..]);
    assert_eq!(back, Some(Offset(10)));
}

/// safetyhook#86: `jb rel8` to a place before the patch kept its distance.
#[test]
fn safetyhook_86_a_branch_to_before_the_patch() {
    let (moved, _) = body(&plan(&function(&[&ENDBR, &[0x72, 0xae, 0x48, 0x89, 0xfd]])));
    assert_eq!(moved[..2], [0x0f, 0x82]);
    assert_eq!(offset(4 + 6, &moved[2..6]) as isize, 6 - 0x52);
}

/// SafetyHook writes `loop` in a long form that does not exist; frida copies it.
#[test]
fn safetyhook_frida_loop_has_no_long_form() {
    let refusal = refusal(&function(&[&[0x31, 0xc0, 0xe2, 0x30]]));
    assert_eq!(said(&refusal), (2, &[0xe2, 0x30][..], Reason::Loop));
}

/// frida#3774: four bytes, then `EB 00`.
#[test]
fn frida_3774_four_bytes_and_a_jump_to_the_next() {
    let code = [0x48, 0x83, 0xec, 0x28, 0xeb, 0x00];
    let (moved, back) = body(&plan(&function(&[&code])));
    assert_eq!(moved[4], 0xe9);
    assert_eq!(offset(4 + 9, &moved[5..]), 6);
    assert_eq!(back, None);
}

/// frida-gum#273, #463, #488: a `ret` first, too few bytes, and no word about why.
#[test]
fn frida_gum_273_463_488_says_why() {
    let text = refusal(&[0xc3]).to_string();
    assert_eq!(text, "a return to be displaced at +0x0 [c3]");
    let text = refusal(&[0x31, 0xc0, 0x90]).to_string();
    assert_eq!(text, "a jump does not fit in 3 bytes at +0x0 [31, c0]");
}

/// frida-gum PR#588, PolyHook_2_0#14: operands relative to RIP, also of SSE.
#[test]
fn frida_gum_588_polyhook_14_rip_relative_operands() {
    // addss 0x100(%rip),%xmm0
    let code = [0xf3, 0x0f, 0x58, 0x05, 0x00, 0x01, 0x00, 0x00];
    let (moved, _) = body(&plan(&function(&[&code])));
    assert_eq!(offset(4 + 8, &moved[4..]), 0x108);
}

/// retour#42, Deviare-InProc#25: the displacement is not last when an immediate follows.
#[test]
fn retour_42_deviare_25_immediates_behind_the_displacement() {
    // testb $4,0x100(%rip); cmpl $0x12345678,0x100(%rip); movw $0x1234,0x100(%rip)
    let instructions: [(&[u8], usize); 3] = [
        (&[0xf6, 0x05, 0x00, 0x01, 0x00, 0x00, 0x04], 2),
        (
            &[0x81, 0x3d, 0x00, 0x01, 0x00, 0x00, 0x78, 0x56, 0x34, 0x12],
            2,
        ),
        (&[0x66, 0xc7, 0x05, 0x00, 0x01, 0x00, 0x00, 0x34, 0x12], 3),
    ];
    for (code, at) in instructions {
        let (moved, _) = body(&plan(&function(&[code])));
        assert_eq!(
            offset(4 + code.len(), &moved[at..at + 4]),
            code.len() + 0x100
        );
        assert_eq!(moved[at + 4..], code[at + 4..]);
        assert_eq!(moved[..at], code[..at]);
    }
}

/// PolyHook#175, #222: `jmp *0x100(%rip)`, with BND or without, as in a PLT.
#[test]
fn polyhook_175_222_a_jump_through_memory() {
    for prefix in [&[][..], &[0xf2]] {
        let code = [prefix, &[0xff, 0x25, 0x00, 0x01, 0x00, 0x00]].concat();
        let (moved, back) = body(&plan(&function(&[&ENDBR, &code])));
        let at = prefix.len() + 2;
        assert_eq!(offset(4 + code.len(), &moved[at..]), 4 + code.len() + 0x100);
        assert_eq!(back, None);
    }
}

/// WeiJiLab#3: `call rel32` copied as it was.
#[test]
fn weijilab_3_a_call() {
    let refusal = refusal(&function(&[&[0x53], &[0xe8, 0x00, 0x10, 0x00, 0x00]]));
    assert_eq!(
        said(&refusal),
        (1, &[0xe8, 0x00, 0x10, 0x00, 0x00][..], Reason::Call)
    );
}

/// frida-gum PR#524: `call *0x100(%rip)` taken for one through a fixed address.
#[test]
fn frida_gum_524_a_call_through_memory() {
    let call = [0xff, 0x15, 0x00, 0x01, 0x00, 0x00];
    let refusal = refusal(&function(&[&[0x53], &call]));
    assert_eq!(said(&refusal), (1, &call[..], Reason::Call));
}

/// XED#334: a bit that belongs to a register taken for one of EVEX's map.
#[test]
fn xed_334_the_map_of_evex_has_three_bits() {
    // Map 0, and the fourth bit of rm.
    let code = function(&[&[0x62, 0x08, 0x7c, 0x48, 0x58, 0xc0]]);
    let reason = Reason::Undecodable(DecodeError::Unknown { at: 1 });
    assert_eq!(refusal(&code).reason(), reason);
    // Map 1 with the same bit is what it is without.
    let add = [0x62, 0xf9, 0x7c, 0x48, 0x58, 0xc0];
    assert_eq!(plan(&function(&[&add])).displaced().bytes(), add);
}

/// WeiJiLab#14, khook#19, subhook#49, #61: `endbr64` written over, or not decoded.
#[test]
fn weijilab_14_subhook_61_endbr64_stays() {
    let plan = plan(&function(&[&ENDBR, &[0x55, 0x48, 0x89, 0xe5, 0x53]]));
    assert_eq!(plan.displaced().range().start, Offset(4));
    assert!(plan
        .trampoline(TRAMPOLINE)
        .unwrap()
        .bytes()
        .starts_with(&ENDBR));
}

/// subhook#15: no REX, no `push %r12`, no `sub $0x20,%rsp`.
#[test]
fn subhook_15_prologues_with_rex() {
    let prologues: [&[u8]; 3] = [
        &[0x48, 0x89, 0x5c, 0x24, 0x08],
        &[0x41, 0x54, 0x48, 0x83, 0xec, 0x20],
        &[0x57, 0x48, 0x83, 0xec, 0x20],
    ];
    for code in prologues {
        assert_eq!(body(&plan(&function(&[code]))).0, code);
    }
}

/// minhook#96, #105: the prefix 67 taken for one of 16 bits.
#[test]
fn minhook_96_105_the_prefix_67() {
    // lea 0x10000(%ecx),%eax; movabs with an address of 32 bits.
    let instructions: [&[u8]; 2] = [
        &[0x67, 0x8d, 0x81, 0x00, 0x00, 0x01, 0x00],
        &[0x67, 0xa1, 0x00, 0x00, 0x01, 0x00],
    ];
    for code in instructions {
        assert_eq!(body(&plan(&function(&[code]))).0, code);
    }
}

/// Detours PR#374, PR#378: REX2 and EVEX; opcode 81 of map 4 with pp 66 has two bytes.
#[test]
fn detours_374_378_apx() {
    let instructions: [&[u8]; 2] = [
        &[0x62, 0x04, 0x05, 0x00, 0x81, 0xc0, 0x34, 0x12],
        &[0xd5, 0x19, 0x81, 0xc0, 0x78, 0x56, 0x34, 0x12],
    ];
    for code in instructions {
        assert_eq!(plan(&function(&[code])).displaced().bytes(), code);
    }
}

/// retour keeps the distance of an operand in the patch: the copy reads the hooker's jump.
#[test]
fn retour_reads_of_the_patched_bytes() {
    let code = [0x8b, 0x05, 0xfc, 0xff, 0xff, 0xff];
    assert_eq!(
        said(&refusal(&function(&[&code]))),
        (0, &code[..], Reason::ReadsPatch)
    );
}

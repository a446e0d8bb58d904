//! Instructions by name: the encodings that decoders get wrong, the parts, and the refusals.

use vk_hook::insn::{decode, Branch, BranchKind, DecodeError, Encoding, Flow, Insn, Map, MAX_LEN};

/// The length, or the refusal, of the instruction in front of as many zeroes as it can take.
fn length(bytes: &[u8]) -> Result<usize, DecodeError> {
    let mut code = bytes.to_vec();
    code.resize(bytes.len() + MAX_LEN, 0);
    decode(&code).map(|insn| insn.len())
}

fn insn(bytes: &[u8]) -> Insn<'_> {
    decode(bytes).expect("an instruction")
}

/// Each is a whole instruction: longer input does not change it, and no shorter input is one.
fn are_whole(instructions: &[&[u8]]) {
    for bytes in instructions {
        assert_eq!(length(bytes), Ok(bytes.len()), "{bytes:02x?}");
        for end in 0..bytes.len() {
            assert_eq!(
                decode(&bytes[..end]),
                Err(DecodeError::Truncated),
                "{bytes:02x?}, {end} bytes of it"
            );
        }
    }
}

#[test]
fn ignores_rex_in_front_of_another_prefix() {
    are_whole(&[
        &[0x48, 0x66, 0x33, 0xc0],
        &[0x48, 0xf3, 0x90],
        &[0x48, 0x67, 0x8b, 0x00],
        &[0x48, 0x48, 0x89, 0xc0],
        &[0x4d, 0xf2, 0x0f, 0x0f, 0x66, 0xc5, 0xb6],
        &[0x48, 0x3e, 0x0f, 0xc7, 0x0e],
        // mov imm16: a W that counted would ask for eight bytes.
        &[0x48, 0x66, 0xb8, 0x01, 0x00],
    ]);
}

#[test]
fn takes_prefixes_in_any_number_and_order() {
    are_whole(&[
        &[
            0xf3, 0xf2, 0x67, 0x66, 0x2e, 0x64, 0x65, 0x36, 0x3e, 0x26, 0xc0, 0x00, 0xff,
        ],
        &[
            0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
            0x90,
        ],
        &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    ]);
}

#[test]
fn ignores_mod_of_control_and_debug_registers() {
    are_whole(&[
        &[0x0f, 0x20, 0x40],
        &[0x0f, 0x21, 0x80],
        &[0x0f, 0x22, 0x04],
        &[0x44, 0x0f, 0x23, 0x05],
    ]);
    assert!(!insn(&[0x0f, 0x20, 0x05]).is_rip_relative());
    // What follows would be a SIB byte without a base, which has a displacement.
    for code in [[0x0f, 0x21, 0x2c, 0xd5], [0x0f, 0x22, 0x24, 0x0d]] {
        assert_eq!(length(&code), Ok(3));
        assert_eq!(insn(&code).disp_len(), 0);
    }
    assert_eq!(length(&[0xd5, 0xa2, 0x23, 0x34, 0x7d]), Ok(4));
}

#[test]
fn knows_amds_extensions() {
    are_whole(&[
        // vfmaddpd, vfmsubss of FMA4.
        &[0xc4, 0xe3, 0xf9, 0x69, 0xc2, 0x30],
        &[0xc4, 0xe3, 0x69, 0x6e, 0x08, 0x40],
        // extrq, insertq, extrq, movntss, movntsd of SSE4a.
        &[0x66, 0x0f, 0x78, 0xc1, 0x08, 0x04],
        &[0xf2, 0x0f, 0x78, 0xca, 0x08, 0x04],
        &[0x66, 0x0f, 0x79, 0xca],
        &[0xf3, 0x0f, 0x2b, 0x00],
        &[0xf2, 0x0f, 0x2b, 0x00],
        // pfadd of 3DNow!, vpperm, vphaddbw, lwpins of XOP.
        &[0x0f, 0x0f, 0x05, 0x00, 0x00, 0x00, 0x00, 0x9e],
        &[0x8f, 0xe8, 0x70, 0xa3, 0xc2, 0x30],
        &[0x8f, 0xe9, 0x78, 0xc1, 0xc1],
        &[0x8f, 0xea, 0x78, 0x12, 0xc0, 0x78, 0x56, 0x34, 0x12],
    ]);
    // vmread has no immediates.
    are_whole(&[&[0x0f, 0x78, 0xc1]]);
    assert_eq!(
        length(&[0x0f, 0x0f, 0xc0, 0x00]),
        Err(DecodeError::Unknown { at: 3 })
    );
}

#[test]
fn knows_apx() {
    are_whole(&[
        // add r16w, 0x1234: the operand size is 66 where W is 0.
        &[0x62, 0x04, 0x05, 0x00, 0x81, 0xc0, 0x34, 0x12],
        // The same with 32 and 64 bits.
        &[0x62, 0xf4, 0x7c, 0x18, 0x81, 0xc0, 0x78, 0x56, 0x34, 0x12],
        &[0x62, 0xf4, 0xfd, 0x18, 0x81, 0xc0, 0x78, 0x56, 0x34, 0x12],
        // imul with imm16; with imm8.
        &[0x62, 0xf4, 0x7d, 0x08, 0x69, 0xc0, 0x34, 0x12],
        &[0x62, 0xf4, 0x7d, 0x08, 0x6b, 0xc0, 0x12],
        // ctest has an immediate, not has none.
        &[0x62, 0xf4, 0x7d, 0x08, 0xf7, 0xc0, 0x34, 0x12],
        &[0x62, 0xf4, 0x7c, 0x08, 0xf7, 0xc0, 0x78, 0x56, 0x34, 0x12],
        &[0x62, 0xf4, 0x7c, 0x08, 0xf6, 0xc0, 0x34],
        &[0x62, 0xf4, 0x7c, 0x18, 0xf7, 0xd0],
        // push2, pop2.
        &[0x62, 0xf4, 0x7c, 0x18, 0xff, 0xf0],
        &[0x62, 0xf4, 0x7c, 0x18, 0x8f, 0xc0],
        // mov r16, imm64; mov (%r16), %eax; cpuid-like map 1.
        &[0xd5, 0x18, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xd5, 0x10, 0x8b, 0x00],
        &[0xd5, 0x90, 0xaf, 0xc0],
        // jmpabs.
        &[0xd5, 0x00, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x64, 0xd5, 0x00, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8],
    ]);
    let jmpabs = [0xd5, 0x00, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(insn(&jmpabs).flow(), Flow::JumpAbsolute);
    assert_eq!(insn(&jmpabs).encoding(), Encoding::Rex2);
    assert_eq!(insn(&jmpabs).branch(), None);
}

#[test]
fn refuses_what_rex2_refuses() {
    let invalid = |at| Err(DecodeError::Invalid { at });
    // jo, xchg-like rows, in, a prefix, an escape, jcc rel32, wrmsr; REX in front.
    for opcode in [
        0x40, 0x70, 0xa0, 0xa2, 0xe4, 0x66, 0x0f, 0x62, 0xc4, 0xc5, 0xd5,
    ] {
        assert_eq!(length(&[0xd5, 0x00, opcode]), invalid(2), "{opcode:02x}");
    }
    for opcode in [0x30, 0x38, 0x3a, 0x80] {
        assert_eq!(length(&[0xd5, 0x80, opcode]), invalid(2), "{opcode:02x}");
    }
    assert_eq!(length(&[0x48, 0xd5, 0x00, 0x89, 0xc0]), invalid(1));
    // 3DNow! is nobody's there.
    let unknown = Err(DecodeError::Unknown { at: 2 });
    assert_eq!(length(&[0xd5, 0x80, 0x0f, 0xc0, 0x9e]), unknown);
    // jmpabs behind any prefix but a segment, or with W.
    for prefix in [0x66, 0x67, 0xf0, 0xf2, 0xf3] {
        assert_eq!(length(&[prefix, 0xd5, 0x00, 0xa1]), invalid(3));
    }
    assert_eq!(length(&[0xd5, 0x08, 0xa1]), invalid(2));
}

#[test]
fn knows_what_came_after_avx512() {
    are_whole(&[
        // AVX10.2: vminmaxpd, vaddbf16, vcvttps2ibs, vmpsadbw, vcomxsd.
        &[0x62, 0xf3, 0xed, 0x48, 0x52, 0xcb, 0x01],
        &[0x62, 0xf5, 0x6d, 0x48, 0x58, 0xcb],
        &[0x62, 0xf5, 0x7d, 0x48, 0x68, 0xcb],
        &[0x62, 0xf3, 0x6e, 0x48, 0x42, 0xcb, 0x01],
        &[0x62, 0xf1, 0xff, 0x08, 0x2f, 0xca],
        // AVX10_V2_AUX: vunpackb, vpmovssdb, vcvtbf82ps, vcvthf62hf8, vcvtrops2hf8, vcvtps2bf8s,
        // vcvthf82bf4s.
        &[0x62, 0xf3, 0x7c, 0x48, 0x3d, 0xca, 0x10],
        &[0x62, 0xf2, 0x7e, 0x48, 0x41, 0x00],
        &[0x62, 0xf5, 0xfc, 0x48, 0x36, 0xc1],
        &[0x62, 0xf5, 0x7d, 0x48, 0x37, 0xc1],
        &[0x62, 0xf5, 0x7d, 0x48, 0x38, 0xc1],
        &[0x62, 0xf5, 0x7e, 0x48, 0x3b, 0xc1],
        &[0x62, 0xf5, 0x7e, 0x48, 0x3d, 0xc1],
        // AMX: tdpbf8ps, t2rpntlvwz0, t2rpntlvwz0rs, tcvtrowd2ps, tmmultf32ps, tileloaddrs.
        &[0xc4, 0xe5, 0x70, 0xfd, 0xda],
        &[0xc4, 0xe2, 0x78, 0x6e, 0x04, 0x08],
        &[0xc4, 0xe5, 0x78, 0xf8, 0x04, 0x08],
        &[0x62, 0xf3, 0x7e, 0x48, 0x07, 0xc1, 0x02],
        &[0x62, 0xf2, 0x7e, 0x48, 0x4a, 0xc1],
        &[0xc4, 0xe2, 0x71, 0x48, 0xda],
        &[0xc4, 0xe2, 0x7b, 0x4a, 0x04, 0x08],
        // MOVRS: movrs, prefetchrst2, vmovrsb.
        &[0x0f, 0x38, 0x8a, 0x00],
        &[0x66, 0x0f, 0x38, 0x8b, 0x00],
        &[0x0f, 0x18, 0x20],
        &[0x62, 0xf5, 0x7f, 0x48, 0x6f, 0x00],
        // RAO-INT: aadd, and with EVEX.
        &[0x0f, 0x38, 0xfc, 0x08],
        &[0x62, 0xf4, 0x7c, 0x08, 0xfc, 0x08],
        // MSR_IMM: rdmsr, wrmsrns; USER_MSR: urdmsr.
        &[0xc4, 0xe7, 0x7b, 0xf6, 0xc0, 0x10, 0x00, 0x00, 0x00],
        &[0xc4, 0xe7, 0x7a, 0xf6, 0xc0, 0x10, 0x00, 0x00, 0x00],
        &[0x62, 0xf7, 0x7f, 0x08, 0xf6, 0xc0, 0x10, 0x00, 0x00, 0x00],
        &[0xc4, 0xe7, 0x7b, 0xf8, 0xc0, 0x10, 0x00, 0x00, 0x00],
        // Key locker: aesencwide128kl, encodekey128; UINTR: senduipi; FRED: lkgs.
        &[0xf3, 0x0f, 0x38, 0xd8, 0x00],
        &[0xf3, 0x0f, 0x38, 0xfa, 0xc1],
        &[0xf3, 0x0f, 0xc7, 0xf0],
        &[0xf2, 0x0f, 0x00, 0xf0],
    ]);
}

#[test]
fn knows_addresses_without_modrm() {
    are_whole(&[
        &[0xa1, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x48, 0xa3, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x67, 0xa1, 1, 2, 3, 4],
        &[0x67, 0x48, 0xa2, 1, 2, 3, 4],
    ]);
}

#[test]
fn knows_immediates() {
    are_whole(&[
        &[0xc8, 0x10, 0x00, 0x01],
        &[0xc2, 0x08, 0x00],
        &[0x6a, 0x01],
        &[0x68, 1, 2, 3, 4],
        &[0x66, 0x68, 1, 2],
        &[0xb8, 1, 2, 3, 4],
        &[0x66, 0xb8, 1, 2],
        &[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x48, 0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xf7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xf7, 0x15, 1, 2, 3, 4],
        &[0xf6, 0xc8, 1],
        &[0x66, 0xf7, 0xc0, 1, 2],
        &[0x66, 0x48, 0xf7, 0xc0, 1, 2, 3, 4],
    ]);
}

#[test]
fn says_where_the_parts_are() {
    // cmpl $0x12345678, 0x10(%rax,%rcx,4)
    let cmp = insn(&[0x81, 0x7c, 0x88, 0x10, 0x78, 0x56, 0x34, 0x12]);
    assert_eq!((cmp.opcode(), cmp.opcode_at()), (0x81, 0));
    assert_eq!((cmp.modrm(), cmp.modrm_at()), (Some(0x7c), Some(1)));
    assert_eq!(cmp.sib_at(), Some(2));
    assert_eq!(
        (cmp.disp_at(), cmp.disp_len(), cmp.disp()),
        (Some(3), 1, Some(0x10))
    );
    assert_eq!((cmp.imm_at(), cmp.imm_len()), (Some(4), 4));
    assert_eq!(
        (cmp.encoding(), cmp.map()),
        (Encoding::Legacy, Map::OneByte)
    );

    // vpternlogd $0xff, -16(%rip){1to16}, %zmm1, %zmm0
    let ternlog = [
        0x62, 0xf3, 0x75, 0x58, 0x25, 0x05, 0xf0, 0xff, 0xff, 0xff, 0xff,
    ];
    let ternlog = insn(&ternlog);
    assert_eq!((ternlog.opcode(), ternlog.opcode_at()), (0x25, 4));
    assert!(ternlog.is_rip_relative());
    assert_eq!((ternlog.disp_at(), ternlog.disp()), (Some(6), Some(-16)));
    assert_eq!((ternlog.imm_at(), ternlog.imm_len()), (Some(10), 1));
    assert_eq!(
        (ternlog.encoding(), ternlog.map()),
        (Encoding::Evex, Map::Map0f3a)
    );

    let ret = insn(&[0xc3, 0x90]);
    assert_eq!(
        (ret.modrm(), ret.modrm_at(), ret.sib_at()),
        (None, None, None)
    );
    assert_eq!(
        (ret.disp(), ret.disp_at(), ret.imm_at()),
        (None, None, None)
    );
    assert_eq!(ret.bytes(), [0xc3]);
}

#[test]
fn tells_an_address_relative_to_rip() {
    assert!(insn(&[0x48, 0x8b, 0x05, 0, 0, 0, 0]).is_rip_relative());
    // Without a base, and by 32 bits.
    assert!(!insn(&[0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]).is_rip_relative());
    let by_eip = insn(&[0x67, 0x8b, 0x05, 0, 0, 0, 0]);
    assert!(by_eip.is_rip_relative() && by_eip.has_address_size());
}

#[test]
fn tells_where_it_goes() {
    let flows: &[(&[u8], Flow)] = &[
        (&[0x90], Flow::Next),
        (&[0xf4], Flow::Next),
        (&[0xe8, 0, 0, 0, 0], Flow::Call),
        (&[0xe9, 0, 0, 0, 0], Flow::Jump),
        (&[0xeb, 0], Flow::Jump),
        (&[0x75, 0], Flow::Jcc),
        (&[0x0f, 0x8f, 0, 0, 0, 0], Flow::Jcc),
        (&[0xe2, 0], Flow::Loop),
        (&[0xe3, 0], Flow::Loop),
        (&[0xc7, 0xf8, 0, 0, 0, 0], Flow::Xbegin),
        (&[0xff, 0xd0], Flow::IndirectCall),
        (&[0xff, 0x18], Flow::IndirectCall),
        (&[0x3e, 0xff, 0xe0], Flow::IndirectJump),
        (&[0xff, 0x28], Flow::IndirectJump),
        (&[0xff, 0x30], Flow::Next),
        (&[0xc3], Flow::Return),
        (&[0xca, 0, 0], Flow::Return),
        (&[0x48, 0xcf], Flow::Return),
        (&[0x48, 0x0f, 0x07], Flow::Return),
        (&[0x0f, 0xaa], Flow::Return),
        (&[0xf2, 0x0f, 0x01, 0xca], Flow::Return),
        (&[0xf3, 0x0f, 0x01, 0xca], Flow::Return),
        (&[0xf3, 0x0f, 0x01, 0xec], Flow::Return),
        (&[0x0f, 0x01, 0xca], Flow::Next),
        (&[0xcc], Flow::Trap),
        (&[0xcd, 0x80], Flow::Trap),
        (&[0xf1], Flow::Trap),
        (&[0xd6], Flow::Trap),
        (&[0x0f, 0x0b], Flow::Trap),
        (&[0x0f, 0xb9, 0x40, 0x10], Flow::Trap),
        (&[0x0f, 0x05], Flow::Trap),
    ];
    for (bytes, flow) in flows {
        assert_eq!(insn(bytes).flow(), *flow, "{bytes:02x?}");
        assert_eq!(insn(bytes).len(), bytes.len(), "{bytes:02x?}");
    }
}

#[test]
fn reads_the_targets_of_relative_branches() {
    let branch = |kind, rel| Some(Branch { kind, rel });
    assert_eq!(insn(&[0xeb, 0xfe]).branch(), branch(BranchKind::Jump, -2));
    assert_eq!(insn(&[0xe3, 0x7f]).branch(), branch(BranchKind::Loop, 127));
    assert_eq!(
        insn(&[0xe8, 0xff, 0xff, 0xff, 0x7f]).branch(),
        branch(BranchKind::Call, i32::MAX)
    );
    // The operand size counts for xbegin, and not for near branches: manual, volume 1, 6.3.7.
    assert_eq!(
        insn(&[0x66, 0xc7, 0xf8, 0xff, 0xff]).branch(),
        branch(BranchKind::Xbegin, -1)
    );
    assert_eq!(
        insn(&[0x66, 0x0f, 0x84, 0x04, 0x03, 0x02, 0x01]).branch(),
        branch(BranchKind::Jcc, 0x0102_0304)
    );
    assert_eq!(insn(&[0xff, 0xe0]).branch(), None);
}

#[test]
fn knows_the_kernels_landmarks() {
    assert!(insn(&[0xf3, 0x0f, 0x1e, 0xfa]).is_endbr64());
    assert!(!insn(&[0xf3, 0x0f, 0x1e, 0xfb]).is_endbr64());
    assert!(insn(&[0x0f, 0x1f, 0x40, 0xd6]).is_endbr_poison());
    assert!(insn(&[0x66, 0x0f, 0x1f, 0x00]).is_endbr_poison());
    assert!(insn(&[0x0f, 0x1f, 0x44, 0x00, 0x00]).is_ftrace_nop());
    assert!(!insn(&[0x0f, 0x1f, 0x44, 0x00, 0x01]).is_ftrace_nop());
}

#[test]
fn tells_the_three_refusals_apart() {
    // push %es, a call with a segment, and vaddps behind REX, 66 and LOCK.
    assert_eq!(length(&[0x06]), Err(DecodeError::Invalid { at: 0 }));
    assert_eq!(length(&[0x66, 0x9a]), Err(DecodeError::Invalid { at: 1 }));
    for prefix in [0x40, 0x66, 0xf0, 0xf2, 0xf3] {
        let vex = [prefix, 0xc5, 0xf4, 0x58, 0xc0];
        assert_eq!(length(&vex), Err(DecodeError::Invalid { at: 1 }));
        let evex = [prefix, 0x62, 0xf1, 0x74, 0x48, 0x58, 0xc0];
        assert_eq!(length(&evex), Err(DecodeError::Invalid { at: 1 }));
        let xop = [prefix, 0x8f, 0xe9, 0x78, 0xc1, 0xc1];
        assert_eq!(length(&xop), Err(DecodeError::Invalid { at: 2 }));
    }
    // An opcode, a group's ModRM, a map, an opcode of a map.
    assert_eq!(length(&[0x0f, 0x24]), Err(DecodeError::Unknown { at: 1 }));
    assert_eq!(length(&[0xff, 0xf8]), Err(DecodeError::Unknown { at: 1 }));
    assert_eq!(length(&[0xc4, 0xe8]), Err(DecodeError::Unknown { at: 1 }));
    assert_eq!(length(&[0x62, 0xf0]), Err(DecodeError::Unknown { at: 1 }));
    assert_eq!(
        length(&[0x0f, 0x38, 0x0c]),
        Err(DecodeError::Unknown { at: 2 })
    );
    assert_eq!(
        length(&[0xc5, 0xf8, 0x04]),
        Err(DecodeError::Unknown { at: 2 })
    );
    assert_eq!(decode(&[]), Err(DecodeError::Truncated));
}

#[test]
fn ends_after_fifteen_bytes() {
    let mut code = [0x66; 20];
    code[14] = 0x90;
    assert_eq!(decode(&code).map(|insn| insn.len()), Ok(15));
    code[14] = 0x66;
    code[15] = 0x90;
    assert_eq!(decode(&code), Err(DecodeError::TooLong));
    assert_eq!(decode(&code[..15]), Err(DecodeError::TooLong));
    assert_eq!(decode(&code[..14]), Err(DecodeError::Truncated));
    // The operand is what does not fit.
    code[11] = 0xb8;
    assert_eq!(decode(&code).map(|insn| insn.len()), Ok(14));
    code[11] = 0x48;
    code[12] = 0xb8;
    assert_eq!(decode(&code), Err(DecodeError::TooLong));
}

#[test]
fn decodes_in_constants() {
    const LEN: usize = match decode(&[0x48, 0x89, 0xe5]) {
        Ok(insn) => insn.len(),
        Err(_) => 0,
    };
    assert_eq!(LEN, 3);
}

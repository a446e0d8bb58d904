//! Where other decoders are wrong or leave something out, and what says so.
//!
//! "Volume" is one of Intel's manual, if it is not said whose.

use vk_hook::insn::{DecodeError, Encoding, Insn, Map};

use crate::compare::Way;

/// What a decoder gets wrong about instructions.
struct Wrong {
    who: &'static str,
    way: Way,
    reason: &'static str,
    fits: fn(&Insn<'_>) -> bool,
}

/// What a decoder takes for an instruction that is none.
struct Taken {
    who: &'static str,
    reason: &'static str,
    /// Of the bytes, and the offset of that which rules them out.
    fits: fn(&[u8], usize) -> bool,
}

const XED: &str = "XED";
const YAXPEAX: &str = "yaxpeax";
const BDDISASM: &str = "bddisasm";

/// What is refused.
const fn refused(who: &'static str, reason: &'static str, fits: fn(&Insn<'_>) -> bool) -> Wrong {
    Wrong {
        who,
        way: Way::Refuses,
        reason,
        fits,
    }
}

const fn taken(who: &'static str, reason: &'static str, fits: fn(&[u8], usize) -> bool) -> Taken {
    Taken { who, reason, fits }
}

const PADLOCK: &str = "VIA's PadLock programming guide: 0F A6 and 0F A7";

/// All that others refuse, or read otherwise.
const WRONG: &[Wrong] = &[
    refused(XED, PADLOCK, |it| is_legacy(it, Map::Map0f, &[0xa6, 0xa7])),
    refused(XED, "newer than it: volume 2, UDB", |it| {
        it.map() == Map::OneByte && it.opcode() == 0xd6
    }),
    refused(
        BDDISASM,
        "without MPX these are nops: volume 2, table A-3, and the APX specification, 3.1.2",
        |it| it.encoding() == Encoding::Rex2 && matches!(it.opcode(), 0x1a | 0x1b),
    ),
    refused(BDDISASM, PADLOCK, |it| {
        is_legacy(it, Map::Map0f, &[0xa6, 0xa7])
    }),
    refused(YAXPEAX, PADLOCK, |it| {
        is_legacy(it, Map::Map0f, &[0xa6, 0xa7])
    }),
    refused(
        YAXPEAX,
        "instruction set extensions reference, RAO-INT: AADD, AAND, AOR, AXOR",
        |it| is_legacy(it, Map::Map0f38, &[0xfc]),
    ),
    refused(
        YAXPEAX,
        "volume 2, KADDW to KXORW, KMOVW, KSHIFTLW: mask instructions",
        |it| {
            matches!(
                (place(it), it.opcode()),
                ((Encoding::Vex, Map::Map0f), 0x41..=0x4b | 0x90..=0x99)
                    | ((Encoding::Vex, Map::Map0f3a), 0x30..=0x33)
            )
        },
    ),
    refused(
        YAXPEAX,
        "volume 2, VPDPBUSD and the like: AVX-VNNI, AVX-VNNI-INT8, AVX-VNNI-INT16",
        |it| is_vex_0f38(it, &[0x50, 0x51, 0x52, 0x53, 0xd2, 0xd3]),
    ),
    refused(
        YAXPEAX,
        "volume 2, LDTILECFG, TILELOADD, TDPBSSD and the like: AMX",
        |it| is_vex_0f38(it, &[0x49, 0x4b, 0x5c, 0x5e, 0x6c]),
    ),
    refused(
        YAXPEAX,
        "volume 2, VBCSTNEBF162PS, VCVTNEPS2BF16 and the like: AVX-NE-CONVERT",
        |it| is_vex_0f38(it, &[0x72, 0xb0, 0xb1]),
    ),
    refused(YAXPEAX, "volume 2, VPMADD52LUQ: AVX-IFMA", |it| {
        is_vex_0f38(it, &[0xb4, 0xb5])
    }),
    refused(
        YAXPEAX,
        "volume 2, VSHA512RNDS2, VSM3MSG1, VSM4KEY4 and the like",
        |it| {
            is_vex_0f38(it, &[0xcb, 0xcc, 0xcd, 0xda])
                || place(it) == (Encoding::Vex, Map::Map0f3a) && it.opcode() == 0xde
        },
    ),
    refused(YAXPEAX, "volume 2, VGF2P8MULB and the like: GFNI", |it| {
        is_vex_0f38(it, &[0xcf])
            || place(it) == (Encoding::Vex, Map::Map0f3a) && matches!(it.opcode(), 0xce | 0xcf)
    }),
    refused(YAXPEAX, "volume 2, CMPccXADD", |it| {
        place(it) == (Encoding::Vex, Map::Map0f38) && it.opcode() >= 0xe0
    }),
    refused(
        YAXPEAX,
        "AMD's manual, volumes 4 and 6: FMA4 and VPERMIL2",
        |it| {
            let is_amd =
                matches!(it.opcode(), 0x48 | 0x49 | 0x5c..=0x5f | 0x68..=0x6f | 0x78..=0x7f);
            place(it) == (Encoding::Vex, Map::Map0f3a) && is_amd
        },
    ),
    refused(YAXPEAX, "AMD's manual, volume 6: XOP", |it| {
        it.encoding() == Encoding::Xop
    }),
    refused(
        YAXPEAX,
        "volume 2, VADDPH and the like: AVX512-FP16",
        |it| match (place(it), it.opcode()) {
            ((Encoding::Evex, Map::Map5 | Map::Map6), _) => true,
            ((Encoding::Evex, Map::Map0f3a), opcode) => {
                let fp16 = [0x08, 0x0a, 0x26, 0x27, 0x56, 0x57, 0x66, 0x67, 0xc2];
                fp16.contains(&opcode)
            }
            _ => false,
        },
    ),
    refused(
        YAXPEAX,
        "volume 2, VGATHERDPS, VSCATTERDPS and the like, with a mask",
        |it| {
            let opcodes = [0x90, 0x91, 0x92, 0x93, 0xa0, 0xa1, 0xa2, 0xa3, 0xc6, 0xc7];
            place(it) == (Encoding::Evex, Map::Map0f38) && opcodes.contains(&it.opcode())
        },
    ),
    refused(YAXPEAX, "volume 2, VPSLLW and the like, of memory", |it| {
        place(it) == (Encoding::Evex, Map::Map0f) && matches!(it.opcode(), 0x71..=0x73)
    }),
];

/// All that others take.
const TAKEN: &[Taken] = &[
    taken(
        YAXPEAX,
        "66, F2, F3, LOCK or REX in front of VEX and EVEX is #UD: volume 2, 2.3.2 to 2.3.4 and 2.7",
        |code, at| matches!(code[at], 0x62 | 0xc4 | 0xc5),
    ),
    taken(
        YAXPEAX,
        "group 11 has /0 and, with F8, XABORT and XBEGIN: volume 2, table A-6",
        |code, at| at > 0 && matches!(code[at - 1], 0xc6 | 0xc7) && code[at] & 0x38 != 0,
    ),
    taken(
        YAXPEAX,
        "no mandatory prefix goes with it: AMD's manual, volume 3, MONITORX, MWAITX, RDPRU",
        is_amd_system,
    ),
    taken(
        XED,
        "no mandatory prefix goes with it: AMD's manual, volume 3, MONITORX, MWAITX, RDPRU",
        is_amd_system,
    ),
    taken(
        BDDISASM,
        "XOP.pp is 0, and LOCK in front of XOP is #UD: AMD's manual, volume 6, 1.2",
        |code, at| code[..at].iter().rev().take(3).any(|byte| *byte == 0x8f),
    ),
    taken(
        BDDISASM,
        "DF /4 has FNSTSW AX, and DF /7 nothing: volume 2, table A-22",
        |code, at| at > 0 && code[at - 1] == 0xdf && code[at] >= 0xe1,
    ),
    taken(
        BDDISASM,
        "an instruction of Knights Corner: Xeon Phi coprocessor instruction set reference",
        |code, at| {
            let is_vex = at > 1 && code[at - 2] == 0xc5 || at > 2 && code[at - 3] == 0xc4;
            is_vex && matches!(code[at], 0x48 | 0x49 | 0xae)
        },
    ),
    taken(
        BDDISASM,
        "key locker and SHA have no EVEX: the APX specification from version 4.0 on",
        |code, at| {
            let is_map4 = at > 3 && code[at - 4] == 0x62 && code[at - 3] & 7 == 4;
            is_map4 && matches!(code[at], 0xd4 | 0xd8..=0xdf)
        },
    ),
];

/// Returns what explains that a decoder does not agree with `insn`.
pub(crate) fn explain(who: &str, insn: &Insn<'_>, way: Way) -> Option<&'static str> {
    let mut wrong = WRONG.iter();
    let found = wrong.find(|it| it.who == who && it.way == way && (it.fits)(insn));
    found.map(|it| it.reason)
}

/// Returns what explains that a decoder takes `code`, which is none because of `error`.
pub(crate) fn accepted(who: &str, code: &[u8], error: DecodeError) -> Option<&'static str> {
    let (DecodeError::Invalid { at } | DecodeError::Unknown { at }) = error else {
        return None;
    };
    let mut taken = TAKEN.iter();
    let found = taken.find(|it| it.who == who && at < code.len() && (it.fits)(code, at));
    found.map(|it| it.reason)
}

fn place(insn: &Insn<'_>) -> (Encoding, Map) {
    (insn.encoding(), insn.map())
}

fn is_legacy(insn: &Insn<'_>, map: Map, opcodes: &[u8]) -> bool {
    let is_legacy = matches!(insn.encoding(), Encoding::Legacy | Encoding::Rex2);
    is_legacy && insn.map() == map && opcodes.contains(&insn.opcode())
}

fn is_vex_0f38(insn: &Insn<'_>, opcodes: &[u8]) -> bool {
    place(insn) == (Encoding::Vex, Map::Map0f38) && opcodes.contains(&insn.opcode())
}

/// `0F 01` with a `ModRM` byte of FA to FF.
fn is_amd_system(code: &[u8], at: usize) -> bool {
    at > 0 && code[at - 1] == 0x01 && code[at] >= 0xfa
}

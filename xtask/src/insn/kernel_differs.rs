//! Where the kernel's decoder, arch/x86/lib/insn.c of 7.2, is wrong, and what says so.
//!
//! It is asked only for what is an instruction to us: it gives a length to bytes that are none.
//! "Volume" is one of Intel's manual.

use vk_hook::insn::{Encoding, Insn, Map};

use super::explain::{mandatory_prefix, newer};

/// What the kernel's decoder gets wrong.
struct Wrong {
    reason: &'static str,
    fits: fn(&Insn<'_>) -> bool,
}

/// All there is.
const WRONG: &[Wrong] = &[
    Wrong {
        reason: "kernel: REX before another prefix is ignored: volume 2, 2.2.1",
        fits: |insn| {
            let prefixes = prefixes(insn);
            let before_last = prefixes.split_last().map_or(prefixes, |(_, before)| before);
            before_last.iter().any(is_rex)
        },
    },
    Wrong {
        reason: "kernel: there may be more than four prefixes: volume 2, 2.1.1",
        fits: |insn| prefixes(insn).iter().filter(|byte| !is_rex(byte)).count() > 4,
    },
    Wrong {
        reason: "kernel: a mandatory prefix need not be the last one: volume 2, 2.1.2",
        fits: |insn| {
            let legacy = prefixes(insn).iter().rfind(|byte| !is_rex(byte));
            let mandatory = [None, Some(0x66), Some(0xf3), Some(0xf2)];
            let wanted = mandatory[mandatory_prefix(insn)];
            is_legacy(insn) && wanted.is_some_and(|wanted| legacy != Some(&wanted))
        },
    },
    Wrong {
        reason: "kernel: mov to and from control and debug registers ignores mod: volume 2, MOV",
        fits: |insn| is_0f(insn, &[0x20, 0x21, 0x22, 0x23]) && insn.len() == insn.opcode_at() + 2,
    },
    Wrong {
        reason: "kernel: reserved nops have a ModRM byte: volume 2, table A-3, and 4.3, NOP",
        fits: |insn| is_0f(insn, &[0x19, 0x1d]),
    },
    Wrong {
        reason: "kernel: ud0 has a ModRM byte: volume 2, UD",
        fits: |insn| is_0f(insn, &[0xff]),
    },
    Wrong {
        reason: "kernel: cmovcc and setcc ignore F2 and F3, which mask instructions of VEX have",
        fits: |insn| {
            let is_condition = matches!(insn.opcode(), 0x40..=0x4f | 0x90..=0x9f);
            insn.map() == Map::Map0f
                && is_legacy(insn)
                && is_condition
                && mandatory_prefix(insn) > 1
        },
    },
    Wrong {
        reason: "kernel: SSE4a: AMD's manual, volume 4, EXTRQ, INSERTQ, MOVNTSS, MOVNTSD",
        fits: |insn| is_0f(insn, &[0x2b, 0x78, 0x79]) && mandatory_prefix(insn) != 0,
    },
    Wrong {
        reason: "kernel: FMA4 and VPERMIL2: AMD's manual, volumes 4 and 6",
        fits: |insn| {
            let is_amd =
                matches!(insn.opcode(), 0x48 | 0x49 | 0x5c..=0x5f | 0x68..=0x6f | 0x78..=0x7f);
            (insn.encoding(), insn.map()) == (Encoding::Vex, Map::Map0f3a) && is_amd
        },
    },
    Wrong {
        reason: "kernel: RAO-INT with EVEX: APX specification",
        fits: |insn| is_in(insn, Encoding::Evex, Map::Map4) && insn.opcode() == 0xfc,
    },
    Wrong {
        reason: "kernel: ud2 with the mark of Xen or KVM is a prefix to it: asm/emulate_prefix.h",
        fits: |insn| insn.bytes() == [0x0f, 0x0b],
    },
    Wrong {
        reason:
            "ours: the member of a group is not judged in VEX, EVEX and XOP: volume 2, table A-6",
        fits: |insn| match (insn.map(), insn.opcode()) {
            (Map::Map0f, 0x71..=0x73 | 0xae) | (Map::Map0f38, 0xc6 | 0xc7 | 0xf3) => {
                !is_legacy(insn)
            }
            (Map::XopA, 0x12) => true,
            _ => false,
        },
    },
    Wrong {
        reason: "kernel: newer than x86-opcode-map.txt: AVX10.2, AMX, ACE, MOVRS, MSR_IMM",
        fits: |insn| {
            let prefix = mandatory_prefix(insn);
            !matches!(insn.encoding(), Encoding::Rex2)
                && !is_in(insn, Encoding::Evex, Map::Map4)
                && newer(insn.encoding(), insn.map(), insn.opcode(), prefix).is_some()
        },
    },
];

/// Returns what explains that the kernel's decoder does not agree with `insn`.
pub(crate) fn explain(insn: &Insn<'_>) -> Option<&'static str> {
    let wrong = WRONG.iter().find(|wrong| (wrong.fits)(insn));
    wrong.map(|wrong| wrong.reason)
}

/// The legacy and REX prefixes.
fn prefixes<'c>(insn: &Insn<'c>) -> &'c [u8] {
    let is_other = |byte: &u8| {
        !is_rex(byte)
            && !matches!(
                byte,
                0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3
            )
    };
    let bytes = insn.bytes();
    let end = bytes.iter().position(is_other);
    &bytes[..end.unwrap_or(bytes.len())]
}

fn is_rex(byte: &u8) -> bool {
    byte & 0xf0 == 0x40
}

fn is_legacy(insn: &Insn<'_>) -> bool {
    matches!(insn.encoding(), Encoding::Legacy | Encoding::Rex2)
}

fn is_0f(insn: &Insn<'_>, opcodes: &[u8]) -> bool {
    is_legacy(insn) && insn.map() == Map::Map0f && opcodes.contains(&insn.opcode())
}

fn is_in(insn: &Insn<'_>, encoding: Encoding, map: Map) -> bool {
    (insn.encoding(), insn.map()) == (encoding, map)
}

//! Every opcode of every map, with every mandatory prefix.

use crate::explain::{heads, newer, operands, Forms};
use crate::oracle::iced;
use vk_hook::insn::{decode, Encoding, Map};

const LEGACY: [Map; 4] = [Map::OneByte, Map::Map0f, Map::Map0f38, Map::Map0f3a];
const VECTOR: [Map; 7] = [
    Map::Map0f,
    Map::Map0f38,
    Map::Map0f3a,
    Map::Map4,
    Map::Map5,
    Map::Map6,
    Map::Map7,
];
const XOP: [Map; 3] = [Map::Xop8, Map::Xop9, Map::XopA];

/// Asks for every opcode of `maps` whether it exists, and compares with iced.
fn compare(encoding: Encoding, maps: &[Map]) {
    let mut forms = Forms::default();
    let mut unexplained = Vec::new();
    for &map in maps {
        for opcode in 0..=255 {
            for prefix in 0..4 {
                if is_escape(encoding, map, opcode) {
                    continue;
                }
                let ours = exists(encoding, map, opcode, prefix);
                let theirs = forms.is_known(encoding, map, opcode, prefix);
                let is_newer = newer(encoding, map, opcode, prefix).is_some();
                let is_apx = (encoding, map) == (Encoding::Evex, Map::Map4);
                // What is newer must be known, and iced must not know it: else the table is old.
                if ours != (theirs || is_newer) && !is_apx || theirs && is_newer {
                    unexplained.push((map, opcode, prefix, ours, theirs));
                }
            }
        }
    }
    assert!(
        unexplained.is_empty(),
        "map, opcode, prefix, ours, iced's: {unexplained:02x?}"
    );
}

fn is_escape(encoding: Encoding, map: Map, opcode: u8) -> bool {
    let escapes: &[u8] = match (encoding, map) {
        (Encoding::Legacy, Map::OneByte) => &[0x0f, 0x62, 0xc4, 0xc5, 0xd5],
        (Encoding::Legacy, Map::Map0f) => &[0x38, 0x3a],
        _ => &[],
    };
    escapes.contains(&opcode)
}

fn exists(encoding: Encoding, map: Map, opcode: u8, prefix: usize) -> bool {
    let is_there = |head: &Vec<u8>| {
        operands().any(|modrm| {
            let mut code = [&head[..], &[opcode, modrm, 0x9e]].concat();
            code.resize(15, 0x9e);
            decode(&code).is_ok_and(|insn| (insn.encoding(), insn.map()) == (encoding, map))
        })
    };
    heads(encoding, map, prefix).iter().any(is_there)
}

#[test]
fn knows_the_opcodes_without_vex() {
    compare(Encoding::Legacy, &LEGACY);
}

#[test]
fn knows_the_opcodes_of_vex() {
    compare(Encoding::Vex, &VECTOR);
}

#[test]
fn knows_the_opcodes_of_evex() {
    compare(Encoding::Evex, &VECTOR);
}

#[test]
fn knows_the_opcodes_of_xop() {
    compare(Encoding::Xop, &XOP);
}

/// Groups: here the `ModRM` byte is judged, so both must refuse the same.
#[test]
fn knows_the_members_of_groups() {
    const ONE_BYTE: &[u8] = &[
        0x8f, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
    ];
    const TWO_BYTE: &[u8] = &[0x00, 0x01, 0x71, 0x72, 0x73, 0x78, 0xa7, 0xae, 0xba, 0xc7];
    let mut unexplained = Vec::new();
    for (map, opcodes) in [(Map::OneByte, ONE_BYTE), (Map::Map0f, TWO_BYTE)] {
        for &opcode in opcodes {
            for prefix in 0..4 {
                for modrm in 0..=255 {
                    let answers = heads(Encoding::Legacy, map, prefix)
                        .into_iter()
                        .map(|head| {
                            let mut code = [&head[..], &[opcode, modrm]].concat();
                            code.resize(15, 0);
                            let is_xop = opcode == 0x8f && map == Map::OneByte && modrm & 0x1f >= 8;
                            let ours = decode(&code).ok().map(|insn| insn.len());
                            let theirs = iced(&code).map(|(it, _)| it.len());
                            (if is_xop { theirs } else { ours }, theirs)
                        });
                    let (ours, theirs): (Vec<_>, Vec<_>) = answers.unzip();
                    let ours_any = ours.iter().any(Option::is_some);
                    let theirs_any = theirs.iter().any(Option::is_some);
                    let agree = ours
                        .iter()
                        .zip(&theirs)
                        .all(|(ours, theirs)| theirs.is_none() || ours == theirs);
                    if !agree || ours_any != theirs_any {
                        unexplained.push((map, opcode, prefix, modrm, ours, theirs));
                    }
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:02x?}");
}

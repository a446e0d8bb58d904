//! Decoders, each asked for the lengths of all instructions of a text.
//!
//! What a decoder refuses is skipped byte by byte. Each function returns how many steps it took:
//! those who agree on the text return the same.

use iced_x86::{Decoder, DecoderOptions, Instruction};
use vk_hook::insn::decode;
use yaxpeax_arch::{Decoder as _, LengthedInstruction, U8Reader};
use yaxpeax_x86::long_mode::InstDecoder;

/// A decoder that walks through a text.
pub type Walk = fn(&[u8]) -> usize;

/// All of them, by name.
pub const PEERS: [(&str, Walk); 4] = [
    ("vk-hook", vk_hook),
    ("lde", lde),
    ("iced-x86", iced_x86),
    ("yaxpeax-x86", yaxpeax_x86),
];

/// Walks with `vk_hook::insn`.
pub fn vk_hook(mut text: &[u8]) -> usize {
    let mut steps = 0;
    while !text.is_empty() {
        text = match decode(text) {
            Ok(insn) => &text[insn.len()..],
            Err(_) => behind_refused(text),
        };
        steps += 1;
    }
    steps
}

/// Returns what is behind a byte that is no instruction: rare, and kept out of the loop.
#[cold]
fn behind_refused(text: &[u8]) -> &[u8] {
    &text[1..]
}

/// Walks with lde, which knows no VEX and no EVEX.
pub fn lde(mut text: &[u8]) -> usize {
    let mut steps = 0;
    while !text.is_empty() {
        let len = lde::X64.ld(text) as usize;
        text = text.get(len.max(1)..).unwrap_or_default();
        steps += 1;
    }
    steps
}

/// Walks with one decoder of iced-x86, which is the fastest way to use it.
pub fn iced_x86(text: &[u8]) -> usize {
    let mut decoder = Decoder::with_ip(64, text, 0, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut steps = 0;
    while decoder.can_decode() {
        let at = decoder.position();
        decoder.decode_out(&mut instruction);
        if instruction.is_invalid() {
            decoder.set_position(at + 1).expect("in the text");
        }
        steps += 1;
    }
    steps
}

/// Walks with yaxpeax-x86.
pub fn yaxpeax_x86(mut text: &[u8]) -> usize {
    let decoder = InstDecoder::default();
    let mut steps = 0;
    while !text.is_empty() {
        let insn = decoder.decode(&mut U8Reader::new(text));
        let len = insn.map_or(1, |insn| insn.len().to_const() as usize);
        text = text.get(len.max(1)..).unwrap_or_default();
        steps += 1;
    }
    steps
}

//! Text that is a number, nearly one, or none.

use crate::Random;

const LEN_MAX: usize = 192;

/// What somebody might write to a file below `/proc/sys`.
#[derive(Clone, Debug)]
pub struct Text {
    bytes: [u8; LEN_MAX],
    len: usize,
}

/// Each is shorter than 24 bytes, and seven of them fit.
const PIECES: &[&[u8]] = &[
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"\x0b",
    b"\xa0",
    b"-",
    b"+",
    b"0",
    b"0x",
    b"0X",
    b"x",
    b"7",
    b"8",
    b"f",
    b"G",
    b"00000000",
    b"1",
    b"2",
    b"3",
    b"2147483647",
    b"2147483648",
    b"18446744073709551615",
    b"18446744073709551616",
    b"7fffffff",
    b"80000000",
    b"ffffffffffffffff",
    b"777777777777777777777",
    b"1777777777777777777777",
    b"\0",
    b"\xff",
];

impl Text {
    /// Puts up to six pieces together.
    pub fn generate(random: &mut Random) -> Self {
        let mut text = Self {
            bytes: [0; LEN_MAX],
            len: 0,
        };
        for _ in 0..random.below(7) {
            text.push(random.choose(PIECES));
        }
        text
    }

    /// Returns the text.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Returns the text for a function that may change it.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    fn push(&mut self, piece: &[u8]) {
        let end = self.len.saturating_add(piece.len());
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            for (slot, &byte) in room.iter_mut().zip(piece) {
                *slot = byte;
            }
            self.len = end;
        }
    }
}

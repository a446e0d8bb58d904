//! Which opcodes of a map exist, with which mandatory prefix.

/// Which opcodes of a map exist, with which mandatory prefix.
///
/// Written as in the manual: a row for the high half of the opcode, a column for the low half.
/// A point stands for an opcode that does not exist, else a hexadecimal digit is the sum of the
/// prefixes it exists with:
///
/// | 1 | 2 | 4 | 8 |
/// |---|---|---|---|
/// | none | `66` | `F3` | `F2` |
pub(super) struct Opcodes([u8; 128]);

impl Opcodes {
    /// Reads the rows of a map.
    pub(super) const fn new(rows: &[&[u8; 16]; 16]) -> Self {
        let mut masks = [0; 128];
        let mut opcode = 0;
        while opcode < 256 {
            let mask = digit(rows[opcode >> 4][opcode & 15]);
            masks[opcode >> 1] |= mask << ((opcode & 1) * 4);
            opcode += 1;
        }
        Self(masks)
    }

    /// The prefixes that an opcode exists with.
    pub(super) const fn prefixes(&self, opcode: u8) -> u8 {
        self.0[(opcode >> 1) as usize] >> ((opcode & 1) * 4) & 15
    }
}

/// Reads a digit of a table: a point or a hexadecimal digit.
pub(super) const fn digit(char: u8) -> u8 {
    match char {
        b'.' => 0,
        b'1'..=b'9' => char - b'0',
        b'a'..=b'f' => char - b'a' + 10,
        _ => panic!("a point or a digit of 1 to f"),
    }
}

//! The tables of the manual in which an opcode is found.

/// The table of the manual in which an opcode is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Map {
    /// Opcodes of one byte.
    OneByte,
    /// Behind `0F`, and map 1 of VEX and EVEX.
    ///
    /// 3DNow! is its opcode `0F`: what stands in the place of an immediate is the second opcode.
    Map0f,
    /// Behind `0F 38`, and map 2 of VEX and EVEX.
    Map0f38,
    /// Behind `0F 3A`, and map 3 of VEX and EVEX.
    Map0f3a,
    /// Map 4 of EVEX: one-byte opcodes and some others, as APX extends them.
    Map4,
    /// Map 5 of VEX and EVEX.
    Map5,
    /// Map 6 of EVEX.
    Map6,
    /// Map 7 of VEX and EVEX.
    Map7,
    /// Map 8 of XOP.
    Xop8,
    /// Map 9 of XOP.
    Xop9,
    /// Map 10 of XOP.
    XopA,
}

/// What stands before an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Legacy prefixes, REX and escape bytes.
    Legacy,
    /// REX2, of APX.
    Rex2,
    /// VEX, of two or three bytes.
    Vex,
    /// EVEX.
    Evex,
    /// XOP, of AMD.
    Xop,
}

//! The bytes that a `ModRM` byte brings: manual, volume 2, tables 2-2 and 2-3.

/// What a `ModRM` byte brings in 64-bit mode.
///
/// | bits | content |
/// |---|---|
/// | 0..3 | bytes that follow, unless the SIB byte adds a displacement |
/// | 3 | a SIB byte follows |
/// | 4 | relative to RIP |
/// | 5..8 | bytes of displacement among them |
#[derive(Clone, Copy)]
pub(super) struct Form(u8);

const SIB: u8 = 1 << 3;
const RIP: u8 = 1 << 4;

impl Form {
    /// Returns the form of a `ModRM` byte.
    pub(super) const fn of(modrm: u8) -> Self {
        FORMS[modrm as usize]
    }

    /// The form of `mov` to and from control and debug registers, which take mod for 3.
    pub(super) const REGISTER: Self = Self(0);

    /// How many bytes follow, without what [`sib_disp_len`] adds.
    pub(super) const fn len(self) -> u32 {
        (self.0 & 7) as u32
    }

    /// How many bytes of displacement are among them.
    pub(super) const fn disp_len(self) -> u32 {
        (self.0 >> 5) as u32
    }

    pub(super) const fn sib_len(self) -> u32 {
        (self.0 >> 3 & 1) as u32
    }

    pub(super) const fn is_rip_relative(self) -> bool {
        self.0 & RIP != 0
    }
}

/// How many bytes of displacement a SIB byte brings with this `ModRM` byte: four without a base.
///
/// `code` has the opcode, the `ModRM` byte and the SIB byte, lowest first.
pub(super) const fn sib_disp_len(code: u64) -> u32 {
    ((code & 0x07_c7_00 == 0x05_04_00) as u32) << 2
}

static FORMS: [Form; 256] = forms();

const fn forms() -> [Form; 256] {
    let mut forms = [Form(0); 256];
    let mut modrm = 0;
    while modrm < 256 {
        forms[modrm] = form(modrm as u8);
        modrm += 1;
    }
    forms
}

const fn form(modrm: u8) -> Form {
    const DISP8: u8 = 1 << 5 | 1;
    const DISP32: u8 = 4 << 5 | 4;
    Form(match (modrm >> 6, modrm & 7) {
        (3, _) => 0,
        (0, 4) => SIB + 1,
        (0, 5) => RIP + DISP32,
        (0, _) => 0,
        (1, 4) => SIB + 1 + DISP8,
        (1, _) => DISP8,
        (_, 4) => SIB + 1 + DISP32,
        (_, _) => DISP32,
    })
}

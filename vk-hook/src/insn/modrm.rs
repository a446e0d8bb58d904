//! The bytes that a `ModRM` byte brings: manual, volume 2, tables 2-2 and 2-3.

/// What a `ModRM` byte brings in 64-bit mode.
///
/// | bits | content |
/// |---|---|
/// | 0..3 | bytes of displacement, unless the SIB byte adds some |
/// | 3 | a SIB byte follows |
/// | 4 | relative to RIP |
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

    /// How many bytes of displacement follow a SIB byte `sib`, or none.
    pub(super) const fn disp_len(self, modrm: u8, sib: u8) -> u32 {
        // Without a base register there is a displacement of four bytes.
        let no_base = (modrm & 0xc7 == 0x04) & (sib & 7 == 5);
        (self.0 & 7) as u32 | (no_base as u32) << 2
    }

    pub(super) const fn sib_len(self) -> u32 {
        (self.0 >> 3 & 1) as u32
    }

    pub(super) const fn is_rip_relative(self) -> bool {
        self.0 & RIP != 0
    }
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
    Form(match (modrm >> 6, modrm & 7) {
        (3, _) => 0,
        (0, 4) => SIB,
        (0, 5) => RIP | 4,
        (0, _) => 0,
        (1, 4) => SIB | 1,
        (1, _) => 1,
        (_, 4) => SIB | 4,
        (_, _) => 4,
    })
}

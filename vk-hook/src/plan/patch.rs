//! The five bytes that lead to a stub.

use super::displaced::JUMP_LEN;
use super::relocate::{jump, rel32};
use super::{CodeAddr, Displaced, Offset, Reason, Refusal};

/// The five bytes that lead to a stub, and those that they replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    address: CodeAddr,
    original: [u8; JUMP_LEN],
    bytes: [u8; JUMP_LEN],
}

impl Patch {
    pub(super) fn new(displaced: &Displaced, stub: CodeAddr) -> Result<Self, Refusal> {
        let address = displaced.address();
        let next = address.at(Offset(JUMP_LEN));
        let out_of_range = Reason::OutOfRange { target: stub };
        let rel = rel32(next, stub).ok_or_else(|| displaced.refuse(out_of_range))?;
        let mut original = [0; JUMP_LEN];
        for (to, from) in original.iter_mut().zip(displaced.bytes()) {
            *to = *from;
        }
        Ok(Self {
            address,
            original,
            bytes: jump(&rel),
        })
    }

    /// Returns where it is written.
    pub const fn address(&self) -> CodeAddr {
        self.address
    }

    /// Returns what stood there, to be verified before and restored afterwards.
    pub const fn original(&self) -> [u8; JUMP_LEN] {
        self.original
    }

    /// Returns what is written: `jmp rel32` to the stub.
    pub const fn bytes(&self) -> [u8; JUMP_LEN] {
        self.bytes
    }
}

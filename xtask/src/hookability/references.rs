//! Who in a kernel's code refers to a place in its code, by a distance.

use std::ops::Range;

use vk_hook::insn::decode;

use super::image::Image;
use super::tables::Tables;

/// `ud2` with Xen's mark behind it, in front of an instruction that Xen emulates: `XEN_EMULATE_PREFIX`
/// of arch/x86/include/asm/emulate_prefix.h.
const XEN_MARK: [u8; 5] = [0x0f, 0x0b, b'x', b'e', b'n'];

/// How somebody refers to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By a branch, or the address of an operand.
    Code,
    /// By a jump label, whose instruction may be a nop now.
    JumpLabel,
    /// By what an alternative is replaced with on some processors.
    Alternative,
}

/// Places, and from where they are referred to.
pub(super) struct References {
    /// By place: where it is, from where, how.
    all: Vec<(u64, u64, Way)>,
}

impl References {
    /// Decodes all code.
    pub(super) fn of(image: &Image, tables: &Tables) -> Self {
        let mut references = Self { all: Vec::new() };
        for (start, bytes) in image.code() {
            references.decode(start, bytes, Way::Code);
        }
        for (at, len) in &tables.replacements {
            let bytes = image.bytes(*at, *len).unwrap_or_default();
            references.decode(*at, bytes, Way::Alternative);
        }
        for (target, from) in &tables.labels {
            references.all.push((*target, *from, Way::JumpLabel));
        }
        references.all.sort_unstable_by_key(|(target, ..)| *target);
        references
    }

    /// Returns the first reference to one of `places`: to where, from where, how.
    ///
    /// Code in `own` does not count: a plan has looked at it.
    pub(super) fn to(&self, places: Range<u64>, own: &Range<u64>) -> Option<(u64, u64, Way)> {
        let first = self.all.partition_point(|it| it.0 < places.start);
        let mut there = self.all[first..].iter().take_while(|it| it.0 < places.end);
        let other = there.find(|(_, from, way)| *way != Way::Code || !own.contains(from));
        other.copied()
    }

    fn decode(&mut self, start: u64, bytes: &[u8], way: Way) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let from = start + at as u64;
            if rest.starts_with(&XEN_MARK) {
                at += XEN_MARK.len();
                continue;
            }
            let Ok(insn) = decode(rest) else {
                at += 1;
                continue;
            };
            at += insn.len();
            let next = from + insn.len() as u64;
            if let Some(branch) = insn.branch() {
                self.all.push((branch.target(next), from, way));
            }
            if let (true, Some(disp)) = (insn.is_rip_relative(), insn.disp()) {
                let operand = next.wrapping_add_signed(disp.into());
                self.all.push((operand, from, way));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(bytes: &[u8]) -> Vec<(u64, u64, Way)> {
        let mut references = References { all: Vec::new() };
        references.decode(0x1000, bytes, Way::Code);
        references.all
    }

    #[test]
    fn a_branch_is_a_reference() {
        assert_eq!(from(&[0x78, 0x65]), [(0x1067, 0x1000, Way::Code)]);
    }

    #[test]
    fn xens_mark_is_no_branch() {
        // ud2; .ascii "xen"; cpuid; js 0x100b
        let code = [0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2, 0x78, 0x02];
        assert_eq!(from(&code), [(0x100b, 0x1007, Way::Code)]);
    }
}

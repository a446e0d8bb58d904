//! Who refers to what in a kernel: calls and jumps to functions, uses of variables, pointers in data.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind};
use object::{Object, ObjectSection, SectionKind};

use crate::kallsyms::{self, Symbol};
use crate::vmlinux::Vmlinux;

/// Sections with code.
const CODE: &[&str] = &[".text", ".init.text", ".exit.text"];

/// What lies behind the field of an instruction that holds a distance: an immediate, or nothing.
const BEHIND: [u64; 4] = [0, 1, 2, 4];

/// The largest variable that a feature depends on: `struct percpu_counter`, aligned.
const MAX_VARIABLE: u64 = 128;

/// Addresses are looked up by blocks of this many bytes first.
const BLOCK: u64 = 16;

/// A kernel with its symbols.
pub(crate) struct Kernel<'a> {
    file: object::File<'a>,
    symbols: Vec<Symbol>,
}

/// Something that is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    start: u64,
    len: u64,
}

/// Names of those who refer to each target, in the order of the targets.
pub(crate) type Referrers = Vec<BTreeSet<String>>;

impl<'a> Kernel<'a> {
    /// Reads a kernel.
    ///
    /// # Errors
    ///
    /// It has no symbols.
    pub(crate) fn new(vmlinux: &'a Vmlinux) -> Result<Self> {
        Ok(Self {
            file: object::File::parse(vmlinux.bytes()).context("no ELF file")?,
            symbols: kallsyms::symbols(vmlinux)?,
        })
    }

    /// Returns the addresses that have this name.
    pub(crate) fn addresses(&self, name: &str) -> Vec<u64> {
        let named = self.symbols.iter().filter(|it| it.name == name);
        named.map(|it| it.address).collect()
    }

    /// Returns the function at `address`: its entry is what is called.
    pub(crate) fn function(&self, address: u64) -> Target {
        Target {
            start: address,
            len: 1,
        }
    }

    /// Returns the variable at `address`: up to the next symbol, or one word if that is far, for
    /// not all that lies between has a name.
    pub(crate) fn variable(&self, address: u64) -> Target {
        let len = match self.len(address) {
            len @ ..=MAX_VARIABLE => len,
            _ => 8,
        };
        Target {
            start: address,
            len,
        }
    }

    /// Returns how far the next symbol is.
    fn len(&self, address: u64) -> u64 {
        let next = self.symbols.partition_point(|it| it.address <= address);
        self.symbols.get(next).map_or(8, |it| it.address - address)
    }

    /// Returns the words from `address` to the next symbol.
    pub(crate) fn words(&self, address: u64) -> Vec<u64> {
        let len = self.len(address) as usize;
        let section = self.file.sections().find(|it| {
            let end = it.address() + it.size();
            (it.address()..end).contains(&address)
        });
        let bytes = section.and_then(|section| {
            let from = (address - section.address()) as usize;
            let data = section.data().ok()?;
            data.get(from..(from + len).min(data.len()))
        });
        bytes.map_or_else(Vec::new, |bytes| words(bytes).collect())
    }

    /// Returns the functions whose code refers to each of `targets`.
    ///
    /// # Errors
    ///
    /// A section cannot be read.
    pub(crate) fn in_code(&self, targets: &[Target]) -> Result<Referrers> {
        let map = Map::new(targets);
        let mut referrers = vec![BTreeSet::new(); targets.len()];
        for name in CODE {
            let Some(section) = self.file.section_by_name(name) else {
                continue;
            };
            let (code, base) = (section.data()?, section.address());
            for (start, end) in self.candidates(&map, code, base) {
                let body = &code[(start - base) as usize..(end - base) as usize];
                for nth in referred(&map, body, start) {
                    referrers[nth].extend(self.name_of(start));
                }
            }
        }
        Ok(referrers)
    }

    /// Returns the objects of data that point to each of `targets`.
    ///
    /// # Errors
    ///
    /// A section cannot be read.
    pub(crate) fn in_data(&self, targets: &[Target]) -> Result<Referrers> {
        let mut referrers = vec![BTreeSet::new(); targets.len()];
        let starts = targets.iter().map(|it| it.start);
        let places: BTreeMap<u64, usize> = starts.zip(0..).collect();
        for section in self.file.sections() {
            let name = section.name().unwrap_or_default();
            // The rest of what is loaded is about code, and the kernel's own lists of it.
            if !matches!(name, ".rodata" | ".data" | ".init.data") {
                continue;
            }
            if section.kind() == SectionKind::UninitializedData {
                continue;
            }
            for (nth, word) in words(section.data()?).enumerate() {
                if let Some(target) = places.get(&word) {
                    let at = section.address() + 8 * nth as u64;
                    referrers[*target].extend(self.name_of(at));
                }
            }
        }
        Ok(referrers)
    }

    /// Returns the functions in which some bytes look like a reference to a target.
    fn candidates(&self, map: &Map<'_>, code: &[u8], base: u64) -> BTreeSet<(u64, u64)> {
        let mut found = BTreeSet::new();
        let end = base + code.len() as u64;
        for (nth, field) in code.windows(4).enumerate() {
            let field = i32::from_le_bytes([field[0], field[1], field[2], field[3]]);
            let behind = base + nth as u64 + 4;
            let absolute = i64::from(field) as u64;
            let relative = behind.wrapping_add_signed(i64::from(field));
            let hits = map.may_hold(absolute) || BEHIND.iter().any(|n| map.may_hold(relative + n));
            if hits {
                let (start, stop) = self.function_around(behind - 4);
                found.insert((start.max(base), stop.min(end)));
            }
        }
        found
    }

    fn function_around(&self, address: u64) -> (u64, u64) {
        let next = self.symbols.partition_point(|it| it.address <= address);
        let start = next.checked_sub(1).map_or(0, |at| self.symbols[at].address);
        (
            start,
            self.symbols.get(next).map_or(u64::MAX, |it| it.address),
        )
    }

    /// Returns the first name of what is at `address`, less what the compiler split off.
    fn name_of(&self, address: u64) -> Option<String> {
        let (start, _) = self.function_around(address);
        let first = self.symbols.partition_point(|it| it.address < start);
        let name = &self.symbols.get(first)?.name;
        Some(name.strip_suffix(".cold").unwrap_or(name).to_owned())
    }
}

/// The targets by address.
struct Map<'t> {
    targets: &'t [Target],
    low: u64,
    blocks: Vec<bool>,
}

impl<'t> Map<'t> {
    fn new(targets: &'t [Target]) -> Self {
        let low = targets.iter().map(|it| it.start).min().unwrap_or(0) / BLOCK;
        let high = targets
            .iter()
            .map(|it| it.start + it.len)
            .max()
            .unwrap_or(0)
            / BLOCK;
        let mut blocks = vec![false; (high - low + 1) as usize];
        for target in targets {
            for block in target.start / BLOCK..=(target.start + target.len - 1) / BLOCK {
                blocks[(block - low) as usize] = true;
            }
        }
        Self {
            targets,
            low,
            blocks,
        }
    }

    fn may_hold(&self, address: u64) -> bool {
        let block = (address / BLOCK).wrapping_sub(self.low);
        let block = usize::try_from(block).unwrap_or(usize::MAX);
        self.blocks.get(block).copied().unwrap_or(false)
    }

    fn holding(&self, address: u64) -> impl Iterator<Item = usize> + '_ {
        let all = self.targets.iter().enumerate();
        all.filter(move |(_, it)| address.wrapping_sub(it.start) < it.len)
            .map(|(nth, _)| nth)
    }
}

/// Returns the targets that instructions of the function `body` at `start` refer to.
fn referred(map: &Map<'_>, body: &[u8], start: u64) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut decoder = Decoder::with_ip(64, body, start, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        for address in addresses(&instruction) {
            if map.may_hold(address) {
                found.extend(map.holding(address));
            }
        }
    }
    found
}

/// Returns the addresses that stand in an instruction.
fn addresses(instruction: &Instruction) -> impl Iterator<Item = u64> + '_ {
    (0..instruction.op_count()).filter_map(|nth| match instruction.op_kind(nth) {
        OpKind::NearBranch64 => Some(instruction.near_branch64()),
        // With or without a base: the decoder has added the instruction's own address.
        OpKind::Memory => Some(instruction.memory_displacement64()),
        OpKind::Immediate32to64 => Some(instruction.immediate32to64() as u64),
        OpKind::Immediate64 => Some(instruction.immediate64()),
        _ => None,
    })
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let chunks = bytes.chunks_exact(8);
    chunks.map(|bytes| {
        bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0xffff_ffff_8100_0000;

    fn refers(body: &[u8], target: Target) -> bool {
        let targets = [target];
        !referred(&Map::new(&targets), body, START).is_empty()
    }

    fn variable(start: u64) -> Target {
        Target { start, len: 8 }
    }

    #[test]
    fn sees_calls_jumps_and_uses_of_variables() {
        let function = |start| Target { start, len: 1 };
        // call +0x10; jmp +0x10; je +0x10 behind a nop.
        assert!(refers(&[0xe8, 0x10, 0, 0, 0], function(START + 0x15)));
        assert!(refers(&[0xe9, 0x10, 0, 0, 0], function(START + 0x15)));
        assert!(refers(&[0x90, 0x74, 0x10], function(START + 0x13)));
        // mov 0x10(%rip),%rax; cmpl $1,0x10(%rip); both with the address behind the instruction.
        assert!(refers(
            &[0x48, 0x8b, 0x05, 0x10, 0, 0, 0],
            variable(START + 0x17)
        ));
        assert!(refers(
            &[0x83, 0x3d, 0x10, 0, 0, 0, 1],
            variable(START + 0x17)
        ));
        // mov $address,%rdi; mov address(,%rax,8),%rax.
        assert!(refers(
            &[0x48, 0xc7, 0xc7, 0, 0x10, 0, 0x81],
            variable(START + 0x1000)
        ));
        assert!(refers(
            &[0x48, 0x8b, 0x04, 0xc5, 0, 0x10, 0, 0x81],
            variable(START + 0x1000)
        ));
    }

    #[test]
    fn sees_the_middle_of_a_variable_and_nothing_next_to_it() {
        let body = [0x48, 0x8b, 0x05, 0x10, 0, 0, 0];
        assert!(refers(&body, variable(START + 0x10)));
        assert!(!refers(&body, variable(START + 0x18)));
        assert!(!refers(&body, variable(START + 0xf)));
    }

    #[test]
    fn bytes_that_only_look_like_a_reference_are_none() {
        // movabs $immediate with a call's bytes in it.
        let body = [0x48, 0xb8, 0xe8, 0x10, 0, 0, 0, 0, 0, 0];
        assert!(!refers(
            &body,
            Target {
                start: START + 0x17,
                len: 1
            }
        ));
    }
}

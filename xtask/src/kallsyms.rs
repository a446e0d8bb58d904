//! The symbols of a kernel image that has no symbol table: its own copy, `kallsyms`.
//!
//! A boot image is stripped, but the kernel keeps compressed names for itself. Their tables have
//! no mark; they are found by what must be in them. The format: scripts/kallsyms.c, `write_src()`.

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol};

use crate::vmlinux::Vmlinux;

/// A symbol of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) address: u64,
    pub(crate) name: String,
}

/// Returns the symbols of `vmlinux` by address.
///
/// # Errors
///
/// It has neither a symbol table nor one of its own that can be found.
pub(crate) fn symbols(vmlinux: &Vmlinux) -> Result<Vec<Symbol>> {
    let file = object::File::parse(vmlinux.bytes()).context("no ELF file")?;
    let mut symbols: Vec<Symbol> = file.symbols().filter_map(|it| linked(&it)).collect();
    if symbols.is_empty() {
        let section = file.section_by_name(".rodata").context("no .rodata")?;
        let tables = Tables::find(section.data()?).context("no kallsyms in .rodata")?;
        symbols = tables.symbols(section.address());
    }
    symbols.sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
    Ok(symbols)
}

fn linked<'a>(symbol: &impl ObjectSymbol<'a>) -> Option<Symbol> {
    let name = symbol.name().ok().filter(|name| !name.is_empty())?;
    let is_place = symbol.is_definition() && symbol.address() != 0;
    is_place.then(|| Symbol {
        address: symbol.address(),
        name: name.to_owned(),
    })
}

/// Where the tables are in their section, by offset.
struct Tables<'a> {
    bytes: &'a [u8],
    count: usize,
    names: usize,
    tokens: Vec<&'a [u8]>,
    offsets: usize,
}

/// Labels are aligned to this: `output_label()` in scripts/kallsyms.c.
const ALIGN: usize = 4;

impl<'a> Tables<'a> {
    fn find(bytes: &'a [u8]) -> Option<Self> {
        // The tokens of the ten digits are themselves, next to each other.
        let digits: Vec<u8> = (b'0'..=b'9').flat_map(|digit| [digit, 0]).collect();
        let places = memchr_all(bytes, &digits);
        places.into_iter().find_map(|at| Self::around(bytes, at))
    }

    /// Finds the other tables if the token of `0` is at `zero`.
    fn around(bytes: &'a [u8], zero: usize) -> Option<Self> {
        let begin = (0..b'0').try_fold(zero, |at, _| {
            let text = bytes.get(..at.checked_sub(1)?)?;
            Some(text.iter().rposition(|byte| *byte == 0)? + 1)
        })?;
        let mut tokens = Vec::new();
        let mut at = begin;
        for _ in 0..256 {
            let len = bytes.get(at..)?.iter().position(|byte| *byte == 0)?;
            tokens.push(&bytes[at..at + len]);
            at += len + 1;
        }
        let index = at.next_multiple_of(ALIGN);
        let is_index = tokens.iter().enumerate().try_fold(0, |sum, (nth, token)| {
            (half(bytes, index + 2 * nth)? == sum).then_some(sum + token.len() + 1)
        });
        is_index?;
        let offsets = (index + 2 * 256).next_multiple_of(ALIGN);
        let rising = rising(bytes, offsets);
        // What follows may happen to go on rising.
        (rising.saturating_sub(4)..=rising).rev().find_map(|count| {
            let names = names_before(bytes, begin, count)?;
            Some(Self {
                bytes,
                count,
                names,
                tokens: tokens.clone(),
                offsets,
            })
        })
    }

    fn symbols(&self, base: u64) -> Vec<Symbol> {
        let mut at = self.names;
        let mut symbols = Vec::with_capacity(self.count);
        for nth in 0..self.count {
            let Some((start, len)) = name(self.bytes, at) else {
                break;
            };
            at = start + len;
            let indices = self.bytes[start..at].iter();
            let text: Vec<u8> = indices
                .flat_map(|index| self.tokens[usize::from(*index)].iter().copied())
                .collect();
            let place = self.offsets + 4 * nth;
            let distance = word(self.bytes, place).map_or(0, |word| i64::from(word as i32));
            symbols.push(Symbol {
                address: (base + place as u64).wrapping_add_signed(distance),
                // The first letter says what it is.
                name: String::from_utf8_lossy(text.get(1..).unwrap_or_default()).into_owned(),
            });
        }
        symbols
    }
}

/// Returns how many entries from `at` on are addresses that do not fall.
fn rising(bytes: &[u8], at: usize) -> usize {
    let mut last = i64::MIN;
    let mut count = 0;
    while let Some(word) = word(bytes, at + 4 * count) {
        let address = (at + 4 * count) as i64 + i64::from(word as i32);
        if address < last {
            break;
        }
        last = address;
        count += 1;
    }
    count
}

/// Finds the names: behind their number, and with exactly the markers between them and `end`.
fn names_before(bytes: &[u8], end: usize, count: usize) -> Option<usize> {
    let markers = count.div_ceil(256);
    let mark = (count as u32).to_le_bytes();
    let places = memchr_all(bytes.get(..end)?, &mark);
    places.into_iter().rev().map(|at| at + ALIGN).find(|names| {
        let behind = (0..count).try_fold(*names, |at, _| {
            let (start, len) = name(bytes, at)?;
            Some(start + len)
        });
        behind.is_some_and(|behind| {
            let table = behind.next_multiple_of(ALIGN);
            (table + 4 * markers).next_multiple_of(ALIGN) == end
        })
    })
}

/// Returns where the tokens of the name at `at` begin, and how many they are.
fn name(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(at)?);
    if first & 0x80 == 0 {
        return (first > 0).then_some((at + 1, first));
    }
    let second = usize::from(*bytes.get(at + 1)?);
    Some((at + 2, first & 0x7f | second << 7))
}

fn memchr_all(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let finder = memchr::memmem::Finder::new(wanted);
    finder.find_iter(bytes).collect()
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(bytes)))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the tables of `symbols` as scripts/kallsyms.c does, at `base`.
    fn section(base: u64, symbols: &[(&str, u64)]) -> Vec<u8> {
        let mut bytes = b"something before\0".to_vec();
        let align = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        align(&mut bytes);
        bytes.extend((symbols.len() as u32).to_le_bytes());
        align(&mut bytes);
        for (name, _) in symbols {
            // Each byte stands for itself, but for 1, which is "do_".
            let packed = name.replace("do_", "\x01");
            bytes.extend([packed.len() as u8]);
            bytes.extend(packed.bytes());
        }
        align(&mut bytes);
        bytes.extend(0_u32.to_le_bytes());
        align(&mut bytes);
        let mut index = Vec::new();
        let table = bytes.len();
        for token in 0..=255_u8 {
            index.extend(((bytes.len() - table) as u16).to_le_bytes());
            match token {
                1 => bytes.extend(b"do_"),
                0x21..=0x7e => bytes.push(token),
                _ => bytes.extend(b"??"),
            }
            bytes.push(0);
        }
        align(&mut bytes);
        bytes.extend(index);
        align(&mut bytes);
        for (_, address) in symbols {
            let here = base + bytes.len() as u64;
            bytes.extend((address.wrapping_sub(here) as u32).to_le_bytes());
        }
        bytes.extend([0; 64]);
        bytes
    }

    #[test]
    fn finds_the_tables_and_reads_them() {
        let base = 0xffff_ffff_8240_0000;
        let wanted = [
            ("T_text", 0xffff_ffff_8100_0000),
            ("tdo_mmap", 0xffff_ffff_8100_0010),
            ("Tdo_munmap", 0xffff_ffff_8100_0010),
            ("Bvm_committed_as", 0xffff_ffff_83e8_ac00),
        ];
        let bytes = section(base, &wanted);
        let tables = Tables::find(&bytes).expect("they are there");
        let found = tables.symbols(base);
        let wanted = wanted.map(|(name, address)| Symbol {
            address,
            name: name[1..].to_owned(),
        });
        assert_eq!(found, wanted);
    }

    #[test]
    fn finds_none_in_something_else() {
        assert!(Tables::find(&[0; 4096]).is_none());
        let mut broken = section(0, &[("T_text", 16), ("tdo_it", 32)]);
        // The index does not fit the tokens any more.
        let at = broken.len() - 64 - 8 - 512 + 10;
        broken[at] ^= 1;
        assert!(Tables::find(&broken).is_none());
    }
}

//! The kernel's own code as it is in memory, read past the module: `/proc/kcore`, `/proc/kallsyms`.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{ensure, Context, Result};

/// The kernel's memory as a core file.
pub(crate) struct KernelText {
    file: File,
    segments: Vec<Segment>,
}

/// A range of addresses and where the file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    start: u64,
    len_bytes: u64,
    offset: u64,
}

impl KernelText {
    /// Where it is; `CONFIG_PROC_KCORE`.
    pub(crate) const PATH: &'static str = "/proc/kcore";

    /// Opens it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no core file.
    pub(crate) fn open() -> Result<Self> {
        let file = File::open(Self::PATH).context("cannot open /proc/kcore")?;
        let mut head = [0; 64];
        file.read_exact_at(&mut head, 0)?;
        ensure!(head.starts_with(b"\x7fELF\x02\x01"), "kcore is no ELF file");
        let (table, count) = (number(&head, 32, 8), number(&head, 56, 2));
        let mut headers = vec![0; count as usize * 56];
        file.read_exact_at(&mut headers, table)?;
        let segments = headers.chunks(56).filter_map(Segment::parse).collect();
        Ok(Self { file, segments })
    }

    /// Reads `len` bytes at `address`.
    ///
    /// # Errors
    ///
    /// There is nothing at this address.
    pub(crate) fn read(&self, address: u64, len: usize) -> Result<Vec<u8>> {
        let holds = |it: &&Segment| {
            address
                .checked_sub(it.start)
                .is_some_and(|at| at < it.len_bytes)
        };
        let segment = self.segments.iter().find(holds);
        let segment = segment.with_context(|| format!("kcore has no {address:#x}"))?;
        let mut bytes = vec![0; len];
        let at = segment.offset + (address - segment.start);
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }
}

impl Segment {
    /// Takes a program header that is loaded.
    fn parse(header: &[u8]) -> Option<Self> {
        const PT_LOAD: u64 = 1;
        (number(header, 0, 4) == PT_LOAD).then(|| Self {
            start: number(header, 16, 8),
            len_bytes: number(header, 40, 8),
            offset: number(header, 8, 8),
        })
    }
}

/// Returns the address of the one symbol of the kernel itself that has this name.
///
/// # Errors
///
/// There is none, or more than one.
pub(crate) fn kernel_symbol(name: &str) -> Result<u64> {
    let text = fs::read_to_string("/proc/kallsyms").context("cannot read /proc/kallsyms")?;
    let mut lines = text
        .lines()
        .filter(|line| line.split(' ').nth(2) == Some(name));
    let line = lines.next().with_context(|| format!("no symbol {name}"))?;
    ensure!(lines.next().is_none(), "{name} is not unique");
    let digits = line.split(' ').next().unwrap_or_default();
    Ok(u64::from_str_radix(digits, 16)?)
}

/// Returns the symbols of the module whose names begin with `prefix`: address and name.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn module_symbols(module: &str, prefix: &str) -> Result<Vec<(u64, String)>> {
    let text = fs::read_to_string("/proc/kallsyms").context("cannot read /proc/kallsyms")?;
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((line, its)) = line.split_once('\t') else {
            continue;
        };
        let mut words = line.split(' ');
        let address = words.next().unwrap_or_default();
        let name = words.nth(1).unwrap_or_default();
        if its.trim_matches(['[', ']']) == module && name.starts_with(prefix) {
            found.push((u64::from_str_radix(address, 16)?, name.to_owned()));
        }
    }
    Ok(found)
}

/// Reads a little-endian number.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let bytes = bytes.get(at..at + len).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_with_the_lowest_byte_first() {
        assert_eq!(number(&[0, 0x34, 0x12], 1, 2), 0x1234);
        assert_eq!(number(&[1], 1, 2), 0);
    }

    #[test]
    fn takes_loaded_segments_only() {
        let mut header = [0; 56];
        header[0] = 4;
        assert_eq!(Segment::parse(&header), None);
        header[0] = 1;
        header[17] = 0x10;
        header[40] = 8;
        let segment = Segment::parse(&header).expect("a segment");
        assert_eq!((segment.start, segment.len_bytes), (0x1000, 8));
    }
}

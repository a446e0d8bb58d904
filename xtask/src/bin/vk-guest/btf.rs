//! The numbers of functions in the kernel's description of its own types.
//!
//! The format: Documentation/bpf/btf.rst of the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::fs;

use anyhow::{bail, Context, Result};

const KERNEL: &str = "/sys/kernel/btf/vmlinux";

/// The kind of a function.
const FUNC: u32 = 12;

/// The number of a function's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FunctionId(pub(crate) u32);

/// One file of types.
struct Types<'a> {
    types: &'a [u8],
    strings: &'a [u8],
}

/// Finds `function` of the kernel, or of `module`, whose types are counted on from the kernel's.
///
/// # Errors
///
/// There is no such function, or the file cannot be read.
pub(crate) fn function(function: &str, module: Option<&str>) -> Result<FunctionId> {
    let kernel = fs::read(KERNEL).context(KERNEL)?;
    let kernel = Types::parse(&kernel).context("no types in the kernel's")?;
    let found = match module {
        None => kernel.find(function, 0)?,
        Some(module) => {
            let path = format!("/sys/kernel/btf/{module}");
            let bytes = fs::read(&path).with_context(|| path.clone())?;
            let types = Types::parse(&bytes).context("no types in the module's")?;
            let base = kernel.count()?;
            let nth = types.find(function, kernel.strings.len())?;
            nth.map(|nth| nth + base)
        }
    };
    found
        .map(FunctionId)
        .with_context(|| format!("BTF has no function {function}"))
}

/// Finds those of `names` that are functions of the kernel, in one go through its types.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn functions(names: &BTreeSet<String>) -> Result<BTreeMap<String, FunctionId>> {
    let kernel = fs::read(KERNEL).context(KERNEL)?;
    let kernel = Types::parse(&kernel).context("no types in the kernel's")?;
    kernel.find_all(names)
}

impl<'a> Types<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let word = |at| word(bytes, at).map(|word| word as usize);
        let body = bytes.get(word(4)?..)?;
        let part = |at| body.get(word(at)?..)?.get(..word(at + 4)?);
        Some(Self {
            types: part(8)?,
            strings: part(16)?,
        })
    }

    /// Returns the number, from 1, of the function of this name; the strings count on from `before`.
    fn find(&self, function: &str, before: usize) -> Result<Option<u32>> {
        let mut found = None;
        self.walk(|nth, name, kind| {
            if kind != FUNC {
                return;
            }
            let name = (name as usize).checked_sub(before);
            let text = name.and_then(|at| self.strings.get(at..));
            let is_it = |text: &[u8]| {
                text.strip_prefix(function.as_bytes())
                    .is_some_and(|rest| rest.first() == Some(&0))
            };
            if text.is_some_and(is_it) {
                found = Some(nth);
            }
        })?;
        Ok(found)
    }

    /// Returns the numbers of the functions that have these names.
    fn find_all(&self, names: &BTreeSet<String>) -> Result<BTreeMap<String, FunctionId>> {
        let mut found = BTreeMap::new();
        self.walk(|nth, name, kind| {
            if kind != FUNC {
                return;
            }
            let text = self.strings.get(name as usize..);
            let text = text.and_then(|text| CStr::from_bytes_until_nul(text).ok());
            let Some(Ok(text)) = text.map(CStr::to_str) else {
                return;
            };
            if names.contains(text) {
                found.insert(text.to_owned(), FunctionId(nth));
            }
        })?;
        Ok(found)
    }

    fn count(&self) -> Result<u32> {
        self.walk(|_, _, _| {})
    }

    /// Calls `visit` with the number, the name's place and the kind of each; returns how many.
    fn walk(&self, mut visit: impl FnMut(u32, u32, u32)) -> Result<u32> {
        let (mut nth, mut at) = (0, 0);
        while at < self.types.len() {
            let field = |offset| word(self.types, at + offset).context("BTF ends too early");
            let (name, info) = (field(0)?, field(4)?);
            let kind = (info >> 24) & 0x1f;
            nth += 1;
            visit(nth, name, kind);
            at += 12 + tail_len(kind, (info & 0xffff) as usize)?;
        }
        Ok(nth)
    }
}

fn tail_len(kind: u32, len: usize) -> Result<usize> {
    Ok(match kind {
        1 | 14 | 17 => 4,
        3 => 12,
        4 | 5 | 15 | 19 => 12 * len,
        6 | 13 => 8 * len,
        2 | 7..=12 | 16 | 18 => 0,
        _ => bail!("BTF has types of kind {kind}"),
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two types: an integer `int`, and a function `f`.
    fn file() -> Vec<u8> {
        let types = [1_u32, 1 << 24, 4, 32, 5, 12 << 24, 1];
        let strings = b"\0int\0f\0";
        let head = [0x1_eb9f, 24, 0, 28, 28, strings.len() as u32];
        let words = head.iter().chain(&types);
        let mut bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn finds_functions_by_their_whole_name() -> Result<()> {
        let file = file();
        let types = Types::parse(&file).context("types")?;
        assert_eq!(types.find("f", 0)?, Some(2));
        assert_eq!(types.find("int", 0)?, None);
        assert_eq!(types.find("", 0)?, None);
        assert_eq!(types.count()?, 2);
        let names = ["f", "int", "g"].map(str::to_owned).into();
        let found = types.find_all(&names)?;
        assert_eq!(found, [("f".to_owned(), FunctionId(2))].into());
        Ok(())
    }

    #[test]
    fn counts_strings_on_from_those_before() -> Result<()> {
        let mut file = file();
        // The name of the function: 5 places behind the 100 of another file.
        file[24 + 16..24 + 20].copy_from_slice(&105_u32.to_le_bytes());
        let types = Types::parse(&file).context("types")?;
        assert_eq!(types.find("f", 100)?, Some(2));
        Ok(())
    }
}

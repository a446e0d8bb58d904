//! A kernel's memory, as its file fills it.

use anyhow::{Context, Result};
use object::{Object, ObjectSection, SectionKind};

use crate::kallsyms::{self, Symbol};
use crate::vmlinux::Vmlinux;

/// Sections with functions.
const CODE: &[&str] = &[".text", ".init.text", ".exit.text"];

/// A kernel's memory, and the names of places in it.
pub(super) struct Image {
    sections: Vec<Section>,
    symbols: Vec<Symbol>,
}

/// A run of bytes.
struct Section {
    name: String,
    start: u64,
    bytes: Vec<u8>,
}

impl Image {
    /// Reads a kernel.
    ///
    /// # Errors
    ///
    /// It is no ELF file, or has no symbols.
    pub(super) fn read(vmlinux: &Vmlinux) -> Result<Self> {
        let file = object::File::parse(vmlinux.bytes()).context("no ELF file")?;
        let loaded = file.sections().filter(|it| {
            it.address() != 0 && it.size() != 0 && it.kind() != SectionKind::UninitializedData
        });
        let sections = loaded.map(|it| {
            Ok(Section {
                name: it.name()?.to_owned(),
                start: it.address(),
                bytes: it.data()?.to_vec(),
            })
        });
        Ok(Self {
            sections: sections.collect::<Result<_>>()?,
            symbols: kallsyms::symbols(vmlinux)?,
        })
    }

    /// Makes one out of what a test says.
    #[cfg(test)]
    pub(super) fn of(sections: &[(&str, u64, Vec<u8>)], symbols: Vec<Symbol>) -> Self {
        let section = |(name, start, bytes): &(&str, u64, Vec<u8>)| Section {
            name: (*name).to_owned(),
            start: *start,
            bytes: bytes.clone(),
        };
        Self {
            sections: sections.iter().map(section).collect(),
            symbols,
        }
    }

    /// Returns all symbols, by address.
    pub(super) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Returns the symbols of functions, by address.
    pub(super) fn functions(&self) -> Vec<&Symbol> {
        let is_code = |it: &&Symbol| {
            let section = self.section(it.address);
            section.is_some_and(|section| CODE.contains(&&*section.name))
        };
        self.symbols.iter().filter(is_code).collect()
    }

    /// Returns the sections with functions: where each begins, and its bytes.
    pub(super) fn code(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let code = self.sections.iter();
        let code = code.filter(|section| CODE.contains(&&*section.name));
        code.map(|section| (section.start, &*section.bytes))
    }

    /// Whether the kernel frees what is at `address` when it has booted.
    pub(super) fn is_freed(&self, address: u64) -> bool {
        let section = self.section(address);
        section.is_some_and(|section| section.name != ".text")
    }

    /// Returns where the only symbol `name` is.
    pub(super) fn place(&self, name: &str) -> Option<u64> {
        let mut named = self.symbols.iter().filter(|it| it.name == name);
        let first = named.next()?.address;
        named.next().is_none().then_some(first)
    }

    /// Returns the `len` bytes at `address`.
    pub(super) fn bytes(&self, address: u64, len: usize) -> Option<&[u8]> {
        let section = self.section(address)?;
        let at = (address - section.start) as usize;
        section.bytes.get(at..at.checked_add(len)?)
    }

    /// Returns up to `len` bytes at `address`: fewer at the end of a section.
    pub(super) fn some_bytes(&self, address: u64, len: usize) -> &[u8] {
        let rest = self.section(address).map_or(&[][..], |section| {
            &section.bytes[(address - section.start) as usize..]
        });
        &rest[..len.min(rest.len())]
    }

    /// Puts `bytes` at `address`, if there is something.
    pub(super) fn put(&mut self, address: u64, bytes: &[u8]) {
        let mut sections = self.sections.iter_mut();
        let place = sections.find_map(|section| {
            let at = usize::try_from(address.checked_sub(section.start)?).ok()?;
            section.bytes.get_mut(at..at.checked_add(bytes.len())?)
        });
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    }

    fn section(&self, address: u64) -> Option<&Section> {
        self.sections.iter().find(|section| {
            let at = address.checked_sub(section.start);
            at.is_some_and(|at| at < section.bytes.len() as u64)
        })
    }
}

//! IBT, looked at instead of executed: what an indirect branch can reach in a module has ENDBR64.
//!
//! Emulation has no IBT, so a missing ENDBR would show on real processors only. An address can be
//! branched to indirectly only if somebody takes it: a relocation that is no part of a direct branch.
//! Each such address in the module's text must begin with ENDBR64, and not be in the list of those
//! that the kernel seals. Two kinds are reached by direct jumps alone and have none: entry stubs,
//! whose addresses are only in their `struct vk_hook`, for ftrace or a static call to jump to; and the trampolines of
//! static calls, which the kernel itself writes.
//!
//! The reverse too: who branches indirectly is listed, with what it reaches. No address that was
//! resolved among the kernel's unexported functions is among that: those are static calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionIndex,
    SectionKind,
};
use vk_hook::insn::{decode, Flow};

use crate::module::Module;
use crate::report::Report;

/// The check's name.
pub(crate) const NAME: &str = "fit/indirect-branches-find-endbr";

/// Sections of addresses that nobody branches to: the kernel patches or looks up what is there.
const NOT_BRANCHED_TO: &[&str] = &[
    "__bug_table",
    "__ex_table",
    "__jump_table",
    "__mcount_loc",
    "__patchable_function_entries",
    "_kprobe_blacklist",
    ".altinstructions",
    ".call_sites",
    ".ibt_endbr_seal",
    ".orc_unwind",
    ".orc_unwind_ip",
    ".parainstructions",
    ".retpoline_sites",
    ".return_sites",
    ".smp_locks",
    ".static_call_sites",
];

/// Where the trampolines of static calls are.
const TRAMPOLINES: &str = ".static_call.text";

/// The function whose address is for IRET, which looks for no ENDBR.
const SYNC: &str = "vk_sync_core";

/// The functions of C that branch indirectly, and to what.
const BRANCHES_OF_C: &[(&str, &str)] = &[
    ("vk_hook_plan", "vk_find_*() of the hook"),
    // It has that one inside.
    ("vk_resolve", "vk_find_*() of the hook"),
    ("vk_original_bind", "vk_find_*() of the hook"),
    ("vk_memcg_with", "Rust's, which comes with the call"),
    ("vk_ns_each", "Rust's, which comes with the call"),
    ("vk_voter_tell", "Rust's, which comes with the call"),
    ("vk_accounted_pages", "the wanted() of c/host_commit.c"),
    ("vk_shadow_mount_max", "vk_original_*() of the handler"),
    ("vk_shadow_parameter", "vk_original_*() of the handler"),
    ("vk_rcu_done", "Rust's, which came with vk_call_rcu()"),
];

const R_X86_64_64: u32 = 1;
const R_X86_64_PC32: u32 = 2;
const R_X86_64_PLT32: u32 = 4;
const R_X86_64_32: u32 = 10;
const R_X86_64_32S: u32 = 11;

/// Looks at the reference module's last build.
pub(crate) fn check(report: &mut Report) {
    let path = Module::Reference.dir().join("vkernel.ko");
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()));
    match bytes.and_then(|bytes| verdict(&bytes)) {
        Ok(found) if found.is_empty() => report.ok(NAME),
        Ok(found) => {
            let why = format!("{}, expected ENDBR64 at each target", found.join("; "));
            report.failed(NAME, why);
        }
        Err(error) => report.failed(NAME, format!("{error:#}, expected a module to look at")),
    }
}

/// Says what is wrong with the module, and with this check if it does not see an ENDBR taken out.
fn verdict(bytes: &[u8]) -> Result<Vec<String>> {
    let sound = Image::read(bytes)?;
    let mut found = sound.problems()?;
    let entry = sound.place_of("init_module")?;
    let mut broken = bytes.to_vec();
    let endbr = sound.in_file(entry)?;
    // A nop of the same length.
    let bytes = broken.get_mut(endbr..endbr + 4).context("no init_module")?;
    bytes.copy_from_slice(&[0x0f, 0x1f, 0x40, 0x00]);
    let seen = Image::read(&broken)?.problems()?;
    if !seen.iter().any(|line| line.contains("init_module")) {
        found.push("the check does not miss the ENDBR64 of init_module".to_owned());
    }
    Ok(found)
}

/// Tells whether a place is reached by direct jumps alone: an entry stub, or the entry of the host
/// into a hook that judges it too, which a static call leads to.
fn is_entry(name: &str) -> bool {
    ["vk_stub_", "vk_asked_", "vk_held_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// A place in a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Its number in the file.
    section: usize,
    offset: u64,
}

/// A module's object.
struct Image<'d> {
    file: object::File<'d>,
    /// The names of places.
    symbols: BTreeMap<Place, String>,
}

/// How an address is taken.
struct Taken {
    to: Place,
    by: String,
}

impl<'d> Image<'d> {
    fn read(bytes: &'d [u8]) -> Result<Self> {
        let file = object::File::parse(bytes)?;
        let mut symbols = BTreeMap::new();
        for symbol in file.symbols() {
            let (Some(SectionIndex(section)), Ok(name)) = (symbol.section_index(), symbol.name())
            else {
                continue;
            };
            let is_name = !name.is_empty() && !name.starts_with("__pfx_");
            if is_name && symbol.kind() != object::SymbolKind::Section {
                let offset = symbol.address();
                symbols
                    .entry(Place { section, offset })
                    .or_insert_with(|| name.to_owned());
            }
        }
        Ok(Self { file, symbols })
    }

    fn problems(&self) -> Result<Vec<String>> {
        let sealed = self.sealed()?;
        let mut problems = BTreeSet::new();
        for taken in self.taken()? {
            let name = self.name(taken.to);
            let by = &taken.by;
            if self.section_name(taken.to.section) == TRAMPOLINES {
                continue;
            }
            if is_entry(&name) {
                if !by.starts_with("vk_hook_") {
                    problems.insert(format!("the stub {name} is taken by {by}"));
                }
                continue;
            }
            if name == SYNC && by == SYNC {
                continue;
            }
            if !self.has_endbr(taken.to)? {
                problems.insert(format!("{name} has no ENDBR64, and is taken by {by}"));
            } else if sealed.contains(&taken.to) {
                problems.insert(format!("{name} is sealed, and is taken by {by}"));
            }
        }
        problems.extend(self.stubs()?);
        problems.extend(self.indirect()?);
        Ok(problems.into_iter().collect())
    }

    /// Finds every address of text that is taken.
    fn taken(&self) -> Result<Vec<Taken>> {
        let mut all = Vec::new();
        for section in self.file.sections() {
            let name = section.name()?;
            let is_loaded = matches!(
                section.flags(),
                object::SectionFlags::Elf { sh_flags } if sh_flags & u64::from(object::elf::SHF_ALLOC) != 0
            );
            if !is_loaded || NOT_BRANCHED_TO.contains(&name) {
                continue;
            }
            let is_code = section.kind() == SectionKind::Text;
            let starts = if is_code {
                self.starts(&section)?
            } else {
                BTreeSet::new()
            };
            let code = section.data()?;
            for (at, relocation) in section.relocations() {
                let RelocationFlags::Elf { r_type } = relocation.flags() else {
                    continue;
                };
                let Some(target) = self.target(&relocation)? else {
                    continue;
                };
                // How far behind the field the address begins that it is relative to.
                let base = match r_type {
                    R_X86_64_64 | R_X86_64_32 | R_X86_64_32S => 0,
                    R_X86_64_PC32 | R_X86_64_PLT32 if is_code => {
                        let Some(start) = starts.range(..=at).next_back() else {
                            continue;
                        };
                        let rest = code.get(*start as usize..).unwrap_or_default();
                        let insn = decode(rest)
                            .ok()
                            .context("a relocation in no instruction")?;
                        if insn.branch().is_some() {
                            continue;
                        }
                        start + insn.len() as u64 - at
                    }
                    R_X86_64_PC32 => 0,
                    _ => continue,
                };
                let offset = target.offset.wrapping_add(base);
                let to = Place { offset, ..target };
                if self.is_code(to.section) {
                    let here = Place {
                        section: section.index().0,
                        offset: at,
                    };
                    let by = self.name(here);
                    all.push(Taken { to, by });
                }
            }
        }
        Ok(all)
    }

    /// Where instructions begin: each function from its symbol on.
    fn starts(&self, section: &object::Section<'d, '_>) -> Result<BTreeSet<u64>> {
        let code = section.data()?;
        let mut symbols: Vec<u64> = self
            .symbols_in(section.index().0)
            .map(|(at, _)| at)
            .collect();
        symbols.insert(0, 0);
        symbols.dedup();
        let ends = symbols.iter().skip(1).copied().chain([code.len() as u64]);
        let mut starts = BTreeSet::new();
        for (begin, end) in symbols.iter().copied().zip(ends) {
            let mut at = begin;
            while at < end {
                starts.insert(at);
                let rest = code.get(at as usize..end as usize).unwrap_or_default();
                at += decode(rest).map_or(1, |insn| insn.len() as u64);
            }
        }
        Ok(starts)
    }

    /// Looks at the entry stubs: they branch directly, and only that.
    fn stubs(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let stubs = self
            .symbols
            .iter()
            .filter(|(_, name)| name.starts_with("vk_stub_"));
        for (place, name) in stubs.filter(|(place, _)| self.is_code(place.section)) {
            if name == "vk_stub_offsets" {
                continue;
            }
            let mut code = self.code(*place)?;
            let mut is_over = false;
            while !is_over {
                let Ok(insn) = decode(code) else {
                    problems.push(format!("the stub {name} cannot be decoded"));
                    break;
                };
                is_over = insn.flow() == Flow::Jump && {
                    // The last of a stub is a jump with nothing but padding, or another symbol, behind.
                    let behind = code.get(insn.len()..).unwrap_or_default();
                    let at = self.code(*place)?.len() - behind.len();
                    self.is_end(*place, at as u64)
                };
                if matches!(
                    insn.flow(),
                    Flow::IndirectCall | Flow::IndirectJump | Flow::JumpAbsolute | Flow::Return
                ) {
                    problems.push(format!("the stub {name} has {:?}", insn.flow()));
                }
                code = code.get(insn.len()..).unwrap_or_default();
            }
        }
        Ok(problems)
    }

    /// Whether the symbol at `place` ends `len` bytes behind its start.
    fn is_end(&self, place: Place, len: u64) -> bool {
        self.file.symbols().any(|symbol| {
            symbol.section_index() == Some(SectionIndex(place.section))
                && symbol.address() == place.offset
                && symbol.size() == len
        })
    }

    /// Finds functions of C that branch indirectly and are not listed.
    fn indirect(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for section in self
            .file
            .sections()
            .filter(|it| it.kind() == SectionKind::Text)
        {
            let code = section.data()?;
            let paravirtual = self.fields_to(&section, "pv_ops");
            let thunks = self.fields_to(&section, "__x86_indirect_");
            for at in self.starts(&section)? {
                let Ok(insn) = decode(code.get(at as usize..).unwrap_or_default()) else {
                    continue;
                };
                let is_indirect = matches!(insn.flow(), Flow::IndirectCall | Flow::IndirectJump);
                let end = at + insn.len() as u64;
                // The kernel writes a direct call over it when the module is loaded.
                let is_patched = paravirtual.range(at..end).next().is_some();
                let to_thunk = thunks.range(at..end).next().is_some();
                let here = Place {
                    section: section.index().0,
                    offset: at,
                };
                let name = self.function(here);
                let is_of_c = name.starts_with("vk_");
                let is_listed = BRANCHES_OF_C.iter().any(|(listed, _)| *listed == name);
                if (is_indirect && !is_patched || to_thunk) && is_of_c && !is_listed {
                    problems.push(format!("{name} branches indirectly and is not listed"));
                }
            }
        }
        Ok(problems)
    }

    /// The fields of a section that refer to symbols of the kernel whose names begin so.
    fn fields_to(&self, section: &object::Section<'d, '_>, name: &str) -> BTreeSet<u64> {
        let is_it = |relocation: &object::Relocation| match relocation.target() {
            RelocationTarget::Symbol(index) => self
                .file
                .symbol_by_index(index)
                .is_ok_and(|symbol| symbol.name().is_ok_and(|it| it.starts_with(name))),
            _ => false,
        };
        let fields = section.relocations().filter(|(_, it)| is_it(it));
        fields.map(|(at, _)| at).collect()
    }

    /// The functions whose ENDBR the kernel takes away when it loads the module.
    fn sealed(&self) -> Result<BTreeSet<Place>> {
        let mut sealed = BTreeSet::new();
        if let Some(section) = self.file.section_by_name(".ibt_endbr_seal") {
            for (_, relocation) in section.relocations() {
                sealed.extend(self.target(&relocation)?);
            }
        }
        Ok(sealed)
    }

    /// Where a relocation leads in this file: its symbol and addend.
    fn target(&self, relocation: &object::Relocation) -> Result<Option<Place>> {
        let place = match relocation.target() {
            RelocationTarget::Symbol(index) => {
                let symbol = self.file.symbol_by_index(index)?;
                symbol.section_index().map(|section| Place {
                    section: section.0,
                    offset: symbol.address(),
                })
            }
            RelocationTarget::Section(section) => Some(Place {
                section: section.0,
                offset: 0,
            }),
            _ => None,
        };
        Ok(place.map(|place| Place {
            offset: place.offset.wrapping_add_signed(relocation.addend()),
            ..place
        }))
    }

    fn has_endbr(&self, place: Place) -> Result<bool> {
        Ok(decode(self.code(place)?).is_ok_and(|insn| insn.is_endbr64()))
    }

    fn code(&self, place: Place) -> Result<&'d [u8]> {
        let code = self
            .file
            .section_by_index(SectionIndex(place.section))?
            .data()?;
        Ok(code.get(place.offset as usize..).unwrap_or_default())
    }

    fn is_code(&self, section: usize) -> bool {
        let section = self.file.section_by_index(SectionIndex(section));
        section.is_ok_and(|it| it.kind() == SectionKind::Text)
    }

    fn section_name(&self, section: usize) -> String {
        let section = self.file.section_by_index(SectionIndex(section));
        let name = section.and_then(|it| it.name().map(str::to_owned));
        name.unwrap_or_default()
    }

    fn symbols_in(&self, section: usize) -> impl Iterator<Item = (u64, &str)> {
        let from = Place { section, offset: 0 };
        let to = Place {
            section,
            offset: u64::MAX,
        };
        let symbols = self.symbols.range(from..=to);
        symbols.map(|(place, name)| (place.offset, name.as_str()))
    }

    /// Returns the symbol at a place or before it.
    fn function(&self, place: Place) -> String {
        let from = Place {
            section: place.section,
            offset: 0,
        };
        let name = self.symbols.range(from..=place).next_back();
        name.map_or_else(String::new, |(_, name)| name.clone())
    }

    /// Names a place: the symbol at it or before it, and the section without one.
    fn name(&self, place: Place) -> String {
        let name = self.function(place);
        if name.is_empty() {
            return format!("{}+{:#x}", self.section_name(place.section), place.offset);
        }
        name
    }

    fn place_of(&self, name: &str) -> Result<Place> {
        let found = self.file.symbols().find(|symbol| symbol.name() == Ok(name));
        let symbol = found.with_context(|| format!("no symbol {name}"))?;
        let section = symbol
            .section_index()
            .with_context(|| format!("{name} is nowhere"))?;
        Ok(Place {
            section: section.0,
            offset: symbol.address(),
        })
    }

    /// Where a place is in the file.
    fn in_file(&self, place: Place) -> Result<usize> {
        let section = self.file.section_by_index(SectionIndex(place.section))?;
        let (start, _) = section.file_range().context("a section without bytes")?;
        Ok((start + place.offset) as usize)
    }
}

//! The kernel's own lists of places in its code, read from its file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{ensure, Context, Result};
use vk_hook::insn::decode;
use vk_hook::plan::{CodeAddr, Facts, JumpTables, Reserved};

use super::image::Image;

/// The longest place that somebody owns: an alternative's length has one byte.
const OWNED_MAX: u64 = 255;

/// The kernel's own lists of places in its code.
#[derive(Default)]
pub(super) struct Tables {
    /// The calls that ftrace makes nops of: `__mcount_loc`.
    pub(super) sites: BTreeSet<u64>,
    /// Where functions begin whose `endbr64` the kernel takes away: `.ibt_endbr_seal`.
    pub(super) sealed: BTreeSet<u64>,
    /// The jumps to the return thunk: `.return_sites`.
    pub(super) returns: BTreeSet<u64>,
    /// What alternatives are replaced by: place and length in `.altinstr_replacement`.
    pub(super) replacements: Vec<(u64, usize)>,
    /// Where jump labels lead, and from where.
    pub(super) labels: Vec<(u64, u64)>,
    /// Functions in `_kprobe_blacklist`.
    pub(super) nokprobe: BTreeSet<u64>,
    owned: Vec<(Range<u64>, Reserved)>,
    fixups: BTreeMap<u64, u64>,
}

/// A table between two symbols, of entries of one length.
struct Table<'i> {
    start: u64,
    entry_len: usize,
    bytes: &'i [u8],
}

impl Tables {
    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// One is not there, or has not the form that Linux 7.2 gives it.
    pub(super) fn read(image: &Image) -> Result<Self> {
        let mut tables = Self::default();
        let table = |names, len| Table::find(image, names, len);
        // kernel/trace/ftrace.c: weak functions that are overridden leave a 0.
        let sites = table(("__start_mcount_loc", "__stop_mcount_loc"), 8)?;
        tables.sites = sites.words().filter(|site| *site != 0).collect();
        // kernel/kprobes.c, populate_kprobe_blacklist().
        let nokprobe = table(("__start_kprobe_blacklist", "__stop_kprobe_blacklist"), 8)?;
        tables.nokprobe = nokprobe.words().collect();
        // arch/x86/kernel/alternative.c: apply_seal_endbr(), apply_returns().
        let sealed = table(("__ibt_endbr_seal", "__ibt_endbr_seal_end"), 4)?;
        tables.sealed = sealed.places(0).collect();
        let returns = table(("__return_sites", "__return_sites_end"), 4)?;
        tables.returns = returns.places(0).collect();
        tables.read_owned(image)?;
        // arch/x86/include/asm/extable.h: insn, fixup, data.
        let fixups = table(("__start___ex_table", "__stop___ex_table"), 12)?;
        tables.fixups = fixups.places(0).zip(fixups.places(4)).collect();
        Ok(tables)
    }

    fn read_owned(&mut self, image: &Image) -> Result<()> {
        let table = |names, len| Table::find(image, names, len);
        for site in &self.sites {
            self.owned.push((*site..*site + 5, Reserved::Ftrace));
        }
        // include/linux/jump_label.h, struct jump_entry: code, target, key.
        let labels = table(("__start___jump_table", "__stop___jump_table"), 16)?;
        self.labels = labels.places(4).zip(labels.places(0)).collect();
        self.own_insns(image, labels.places(0), Reserved::JumpLabel)?;
        // include/linux/static_call_types.h, struct static_call_site: addr, key.
        let calls = table(("__start_static_call_sites", "__stop_static_call_sites"), 8)?;
        self.own_insns(image, calls.places(0), Reserved::StaticCall)?;
        // arch/x86/include/asm/alternative.h, struct alt_instr.
        let alternatives = table(("__alt_instructions", "__alt_instructions_end"), 14)?;
        let lens = alternatives.entries().map(|entry| u64::from(entry[12]));
        for (at, len) in alternatives.places(0).zip(lens) {
            self.owned.push((at..at + len, Reserved::Alternative));
        }
        let lens = alternatives.entries().map(|entry| usize::from(entry[13]));
        self.replacements = alternatives.places(4).zip(lens).collect();
        let locks = table(("__smp_locks", "__smp_locks_end"), 4)?;
        let locks = locks
            .places(0)
            .map(|at| (at..at + 1, Reserved::Alternative));
        self.owned.extend(locks);
        // include/asm-generic/bug.h, struct bug_entry, with a format and DEBUG_BUGVERBOSE.
        let bugs = table(("__start___bug_table", "__stop___bug_table"), 16)?;
        let bugs = bugs.places(0).map(|at| (at..at + 2, Reserved::Bug));
        self.owned.extend(bugs);
        self.owned.sort_by_key(|(range, _)| range.start);
        Ok(())
    }

    /// Adds whole instructions: tables do not say how long they are.
    fn own_insns(
        &mut self,
        image: &Image,
        places: impl Iterator<Item = u64>,
        owner: Reserved,
    ) -> Result<()> {
        for at in places {
            let insn = decode(image.some_bytes(at, 16));
            let insn = insn.with_context(|| format!("{owner:?} at {at:#x}"))?;
            self.owned.push((at..at + insn.len() as u64, owner));
        }
        Ok(())
    }
}

impl Facts for Tables {
    fn reserved(&self, start: CodeAddr, len: usize) -> Option<Reserved> {
        let range = start.0..start.0.saturating_add(len as u64);
        let first = range.start.saturating_sub(OWNED_MAX);
        let first = self.owned.partition_point(|(its, _)| its.start < first);
        let near = self.owned[first..].iter();
        let mut near = near.take_while(|(its, _)| its.start < range.end);
        let found = near.find(|(its, _)| its.end > range.start);
        found.map(|(_, owner)| *owner)
    }

    fn exception_fixup(&self, insn: CodeAddr) -> Option<CodeAddr> {
        self.fixups.get(&insn.0).map(|fixup| CodeAddr(*fixup))
    }

    /// The kernel is compiled with `-fno-jump-tables`, for `CONFIG_X86_KERNEL_IBT`.
    fn jump_tables(&self) -> JumpTables {
        match self.sealed.is_empty() {
            false => JumpTables::Never,
            true => JumpTables::Possible,
        }
    }
}

impl<'i> Table<'i> {
    fn find(image: &'i Image, (start, end): (&str, &str), entry_len: usize) -> Result<Self> {
        let place = |name| {
            let place = image.place(name);
            place.with_context(|| format!("the kernel has no {name}, which this report is made of"))
        };
        let (start, end) = (place(start)?, place(end)?);
        let len = end.saturating_sub(start) as usize;
        let bytes = if len == 0 {
            Some(&[][..])
        } else {
            image.bytes(start, len)
        };
        let bytes = bytes.with_context(|| format!("nothing at {start:#x}"))?;
        ensure!(
            len % entry_len == 0,
            "the table at {start:#x} has {len} bytes, expected entries of {entry_len}"
        );
        Ok(Self {
            start,
            entry_len,
            bytes,
        })
    }

    fn entries(&self) -> std::slice::ChunksExact<'i, u8> {
        self.bytes.chunks_exact(self.entry_len)
    }

    /// The words, for tables of words.
    fn words(&self) -> impl Iterator<Item = u64> + 'i {
        let word = |entry: &[u8]| entry.try_into().map_or(0, u64::from_le_bytes);
        self.entries().map(word)
    }

    /// The places that the 32 bits at `field` of each entry say, relative to themselves.
    fn places(&self, field: usize) -> impl Iterator<Item = u64> + 'i {
        let (start, step) = (self.start + field as u64, self.entry_len as u64);
        self.entries().zip(0..).map(move |(entry, nth)| {
            let distance = entry[field..field + 4].try_into();
            let distance = distance.map_or(0, i32::from_le_bytes);
            (start + nth * step).wrapping_add_signed(distance.into())
        })
    }
}

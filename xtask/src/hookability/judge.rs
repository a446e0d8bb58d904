//! What the back ends can take, symbol by symbol.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use anyhow::{Context, Result};
use vk_ffi_shims::btf::{Btf, BtfError};
use vk_hook::plan::{CodeAddr, Offset, Plan, Refusal};
use xtask::verdict::{Verdict, YES};

use super::image::Image;
use super::reason::Reason;
use super::references::{References, Way};
use super::tables::Tables;
use crate::vmlinux::Vmlinux;

/// Where modules may be: `MODULES_VADDR` and the end of what `FIXADDR_START` leaves them.
const MODULES: [CodeAddr; 2] = [
    CodeAddr(0xffff_ffff_c000_0000),
    CodeAddr(0xffff_ffff_fe00_0000),
];

/// `endbr64`.
const ENDBR: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// What is made of it where nobody may land: `gen_endbr_poison()` of arch/x86/include/asm/ibt.h.
const POISON: [u8; 4] = [0x0f, 0x1f, 0x40, 0xd6];

/// What ftrace makes of the call at its site: `x86_nops[5]`.
const NOP: [u8; 5] = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/// What is made of a jump to the return thunk where the processor needs none.
const RETURN: [u8; 5] = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];

/// A kernel, as it is when it has booted on a processor without the flaws that need thunks.
pub(super) struct Judge {
    image: Image,
    tables: Tables,
    references: References,
    areas: Vec<(Range<u64>, Reason)>,
    /// How many symbols have a name.
    counts: HashMap<String, usize>,
    /// Names of which the compiler made copies.
    copied: BTreeSet<String>,
    typed: BTreeSet<Vec<u8>>,
}

/// A refusal: the reason, and a sentence if there is more to say.
type Refused = (Reason, String);

/// What back end P does with a function.
struct Taken {
    displaced: Vec<u8>,
    at: u64,
}

impl Judge {
    /// Reads a kernel.
    ///
    /// # Errors
    ///
    /// Its symbols or lists cannot be read.
    pub(super) fn of(vmlinux: &Vmlinux) -> Result<Self> {
        let btf = vmlinux.section(".BTF").context("no .BTF")?;
        let mut index = vec![0; 1 << 16];
        let mut typed = BTreeSet::new();
        Btf::parse(btf, &mut index)?.each_function(|name, _prototype| {
            typed.insert(name.to_vec());
            Ok::<(), BtfError>(())
        })?;
        Self::new(Image::read(vmlinux)?, typed)
    }

    pub(super) fn new(mut image: Image, typed: BTreeSet<Vec<u8>>) -> Result<Self> {
        let tables = Tables::read(&image)?;
        boot(&mut image, &tables);
        let mut counts = HashMap::new();
        let mut copied = BTreeSet::new();
        for symbol in image.symbols() {
            *counts.entry(symbol.name.clone()).or_default() += 1;
            if let Some((name, suffix)) = symbol.name.split_once('.') {
                if is_copy(suffix) {
                    copied.insert(name.to_owned());
                }
            }
        }
        Ok(Self {
            references: References::of(&image, &tables),
            areas: areas(&image),
            image,
            tables,
            counts,
            copied,
            typed,
        })
    }

    /// Judges every symbol of a function, by address.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let symbols = self.image.functions();
        let ends: BTreeMap<u64, u64> = symbols
            .windows(2)
            .filter(|pair| pair[0].address != pair[1].address)
            .map(|pair| (pair[0].address, pair[1].address))
            .collect();
        let functions = symbols.iter().filter(|it| is_function(&it.name));
        let verdict = |(name, address): (&str, u64)| {
            let end = ends.get(&address).copied().unwrap_or(address);
            self.verdict(name, address..end)
        };
        functions
            .map(|it| verdict((&it.name, it.address)))
            .collect()
    }

    fn verdict(&self, name: &str, function: Range<u64>) -> Verdict {
        let named = self.check_name(name, function.start);
        let f = named.clone().and_then(|()| self.ask_f(&function));
        let p = named.and_then(|()| self.ask_p(&function));
        let says = |refused: &Refused| refused.0.name().to_owned();
        let back_ends = match (&f, &p) {
            (Ok(()), Ok(_)) => "F+P",
            (Ok(()), Err(_)) => "F",
            (Err(_), Ok(_)) => "P",
            (Err(_), Err(_)) => "neither",
        };
        Verdict {
            symbol: name.to_owned(),
            address: format!("{:#x}", function.start),
            len: function.end - function.start,
            back_ends: back_ends.to_owned(),
            f: f.map_or_else(|refused| says(&refused), |()| YES.to_owned()),
            p_why: p.as_ref().err().map_or_else(String::new, |it| it.1.clone()),
            site: self.site(&function).map(|site| site - function.start),
            displaced: p.as_ref().map_or_else(|_| String::new(), Taken::hex),
            displaced_at: p.as_ref().ok().map(|taken| taken.at),
            p: p.map_or_else(|refused| says(&refused), |_| YES.to_owned()),
            is_blacklisted: self.blacklisted(&function).is_some(),
            landing: self.landing(function.start).to_owned(),
            has_type: self.typed.contains(name.as_bytes()),
        }
    }

    /// Whether the name leads to one function whose ABI is the source's, and which stays.
    ///
    /// As `vk_symbol_refusal()` of vk-ffi-shims does.
    fn check_name(&self, name: &str, address: u64) -> Result<(), Refused> {
        let no = |reason| Err((reason, String::new()));
        match name.split_once('.') {
            _ if self.image.is_freed(address) => no(Reason::Freed),
            Some((_, suffix)) if is_copy(suffix) => no(Reason::Clone),
            Some((_, suffix)) if suffix.contains("cold") => no(Reason::Part),
            Some(_) => no(Reason::Suffix),
            None if self.counts.get(name) != Some(&1) => no(Reason::NotUnique),
            None if self.copied.contains(name) => no(Reason::Sibling),
            None => Ok(()),
        }
    }

    /// Whether ftrace can put a direct jump into the function.
    fn ask_f(&self, function: &Range<u64>) -> Result<(), Refused> {
        let site = self.site(function);
        site.map(|_| ())
            .ok_or_else(|| (Reason::NoSite, String::new()))
    }

    /// Where ftrace's site is: what `ftrace_location()` finds for the function's address.
    fn site(&self, function: &Range<u64>) -> Option<u64> {
        let mut sites = self.tables.sites.range(function.clone());
        // `FTRACE_MCOUNT_MAX_OFFSET` of arch/x86/include/asm/ftrace.h: one further on is not its own.
        let entry = function.start + ENDBR.len() as u64;
        sites.next().copied().filter(|site| *site <= entry)
    }

    /// Whether the planner can put a jump behind ftrace's site.
    fn ask_p(&self, function: &Range<u64>) -> Result<Taken, Refused> {
        if let Some(reason) = self.blacklisted(function) {
            return Err((reason, String::new()));
        }
        let plan = self.plan(function).map_err(|refusal| {
            let reason = Reason::of(&refusal).expect("a reason of the report's list");
            (reason, refusal.to_string())
        })?;
        let range = plan.displaced().range();
        let (Offset(start), Offset(end)) = (range.start, range.end);
        let displaced = function.start + start as u64..function.start + end as u64;
        // A call of the entry is one of the function.
        let behind_entry = displaced.start.max(function.start + 1)..displaced.end;
        if let Some((target, from, way)) = self.references.to(behind_entry, function) {
            let target = Offset((target - function.start) as usize);
            let reason = match way {
                Way::Code => Reason::BranchFromElsewhere,
                Way::JumpLabel => Reason::BranchOfLabel,
                Way::Alternative => Reason::BranchOfAlternative,
            };
            let why = format!("a reference to {target} from {from:#x}");
            return Err((reason, why));
        }
        Ok(Taken {
            displaced: plan.displaced().bytes().to_vec(),
            at: start as u64,
        })
    }

    fn plan(&self, function: &Range<u64>) -> Result<Plan, Refusal> {
        let len = (function.end - function.start) as usize;
        let code = self.image.some_bytes(function.start, len);
        let plan = Plan::new(code, CodeAddr(function.start), &self.tables)?;
        for module in MODULES {
            plan.patch(module)?;
            plan.trampoline(module)?;
        }
        Ok(plan)
    }

    /// Why kprobes refuse every place in a function, if they do.
    fn blacklisted(&self, function: &Range<u64>) -> Option<Reason> {
        let is_in = |range: &Range<u64>| range.contains(&function.start);
        let area = self.areas.iter().find(|(range, _)| is_in(range));
        let is_listed = self.tables.nokprobe.contains(&function.start);
        area.map(|(_, reason)| *reason)
            .or(is_listed.then_some(Reason::Nokprobe))
    }

    fn landing(&self, function: u64) -> &'static str {
        match self.image.bytes(function, ENDBR.len()) {
            Some(bytes) if bytes == ENDBR => "endbr",
            _ if self.tables.sealed.contains(&function) => "sealed",
            _ => "none",
        }
    }
}

impl Taken {
    fn hex(&self) -> String {
        let bytes = self.displaced.iter();
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Does to the bytes what the kernel does to them when it boots.
///
/// Not what it does to indirect branches through a thunk, which do the same afterwards, to runtime
/// constants, whose values alone change, and to alternatives, which belong to the processor.
fn boot(image: &mut Image, tables: &Tables) {
    tables.sites.iter().for_each(|site| image.put(*site, &NOP));
    let sealed = tables.sealed.iter();
    sealed.for_each(|place| image.put(*place, &POISON));
    let returns = tables.returns.iter();
    returns.for_each(|place| image.put(*place, &RETURN));
}

/// Where a hook must not be, by section: include/asm-generic/vmlinux.lds.h.
fn areas(image: &Image) -> Vec<(Range<u64>, Reason)> {
    let areas = [
        ("noinstr", Reason::Noinstr),
        ("entry", Reason::Entry),
        ("kprobes", Reason::Nokprobe),
        ("static_call", Reason::StaticCallTrampoline),
    ];
    let area = |(name, reason): (&str, Reason)| {
        let start = image.place(&format!("__{name}_text_start"))?;
        let end = image.place(&format!("__{name}_text_end"))?;
        Some((start..end, reason))
    };
    areas.into_iter().filter_map(area).collect()
}

/// Whether a suffix says that the compiler made a copy: `vk_suffix_matters()` of vk-ffi-shims.
fn is_copy(suffix: &str) -> bool {
    let starts = ["isra", "constprop", "part"];
    starts.iter().any(|start| suffix.starts_with(start))
}

/// Whether a symbol in text is a function's: not padding, and no mark of the linker script.
fn is_function(name: &str) -> bool {
    const MARKS: &[&str] = &[
        "_text",
        "_stext",
        "_etext",
        "_sinittext",
        "_einittext",
        "__pi__text",
    ];
    let is_area =
        name.starts_with("__") && (name.ends_with("_text_start") || name.ends_with("_text_end"));
    !(name.starts_with("__pfx_") || name.starts_with("__cfi_") || is_area || MARKS.contains(&name))
}

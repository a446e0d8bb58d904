//! A kernel of a few functions, one for each reason.

use std::collections::BTreeSet;

use anyhow::Result;
use xtask::verdict::{Verdict, YES};

use super::image::Image;
use super::judge::Judge;
use super::reason::Reason;
use crate::kallsyms::Symbol;

const TEXT: u64 = 0xffff_ffff_8100_0000;
const DATA: u64 = 0xffff_ffff_8300_0000;
const INIT: u64 = 0xffff_ffff_8400_0000;
const REPLACEMENTS: u64 = 0xffff_ffff_8410_0000;

const ENDBR: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
/// `call __fentry__`, which is a nop when the kernel has booted.
const FENTRY: &[u8] = &[0xe8, 0x00, 0x10, 0x00, 0x00];
/// push %rbp; mov %rsp,%rbp; push %rbx
const PROLOGUE: &[u8] = &[0x55, 0x48, 0x89, 0xe5, 0x53];

/// The tables, by the symbols around them.
const TABLES: &[(&str, &str)] = &[
    ("__start_mcount_loc", "__stop_mcount_loc"),
    ("__start_kprobe_blacklist", "__stop_kprobe_blacklist"),
    ("__ibt_endbr_seal", "__ibt_endbr_seal_end"),
    ("__return_sites", "__return_sites_end"),
    ("__start___jump_table", "__stop___jump_table"),
    ("__start_static_call_sites", "__stop_static_call_sites"),
    ("__alt_instructions", "__alt_instructions_end"),
    ("__smp_locks", "__smp_locks_end"),
    ("__start___ex_table", "__stop___ex_table"),
    ("__start___bug_table", "__stop___bug_table"),
];

/// How much room each table has.
const ROOM: usize = 4096;

/// A kernel in the making.
struct Maker {
    text: Vec<u8>,
    init: Vec<u8>,
    replacements: Vec<u8>,
    tables: Vec<Vec<u8>>,
    symbols: Vec<Symbol>,
}

impl Maker {
    fn new() -> Self {
        let mut maker = Self {
            text: Vec::new(),
            init: Vec::new(),
            replacements: Vec::new(),
            tables: vec![Vec::new(); TABLES.len()],
            symbols: Vec::new(),
        };
        maker.symbol("_text", TEXT);
        // A kernel with IBT, which has no jump tables.
        let sealed = maker.function("sealed", &[ENDBR, PROLOGUE]);
        maker.distance("__ibt_endbr_seal", sealed);
        maker
    }

    fn symbol(&mut self, name: &str, address: u64) {
        let name = name.to_owned();
        self.symbols.push(Symbol { address, name });
    }

    /// Marks the end of the last function as a place of the linker script's.
    fn mark(&mut self, name: &str) {
        self.symbol(name, TEXT + self.text.len() as u64);
    }

    /// Adds a function with `nop`s and a `ret` behind.
    fn function(&mut self, name: &str, parts: &[&[u8]]) -> u64 {
        self.exactly(name, &[&parts.concat()[..], &[0x90; 16], &[0xc3]])
    }

    /// Adds a function; another symbol follows.
    fn exactly(&mut self, name: &str, parts: &[&[u8]]) -> u64 {
        let address = TEXT + self.text.len() as u64;
        self.symbol(name, address);
        self.text.extend(parts.concat());
        let padding = TEXT + self.text.len() as u64;
        self.symbol("__pfx_next", padding);
        self.text.resize(self.text.len().next_multiple_of(16), 0x90);
        address
    }

    /// Adds one with ftrace's site.
    fn traced(&mut self, name: &str, parts: &[&[u8]]) -> u64 {
        let body = parts.concat();
        let address = self.function(name, &[ENDBR, FENTRY, &body]);
        self.word("__start_mcount_loc", address + 4);
        address
    }

    fn table(&mut self, name: &str) -> (&mut Vec<u8>, u64) {
        let nth = TABLES.iter().position(|it| it.0 == name);
        let nth = nth.expect("a table");
        (&mut self.tables[nth], DATA + (nth * ROOM) as u64)
    }

    fn word(&mut self, table: &str, word: u64) {
        self.table(table).0.extend(word.to_le_bytes());
    }

    fn bytes(&mut self, table: &str, bytes: &[u8]) {
        self.table(table).0.extend(bytes);
    }

    /// Adds the distance to `place`.
    fn distance(&mut self, table: &str, place: u64) {
        let (bytes, start) = self.table(table);
        let here = start + bytes.len() as u64;
        bytes.extend((place.wrapping_sub(here) as u32).to_le_bytes());
    }

    fn jump_label(&mut self, code: u64, target: u64) {
        self.distance("__start___jump_table", code);
        self.distance("__start___jump_table", target);
        self.bytes("__start___jump_table", &[0; 8]);
    }

    fn alternative(&mut self, place: u64, len: u8, replacement: (u64, u8)) {
        self.distance("__alt_instructions", place);
        self.distance("__alt_instructions", replacement.0);
        self.bytes("__alt_instructions", &[0, 0, 0, 0, len, replacement.1]);
    }

    fn fixup(&mut self, insn: u64, fixup: u64) {
        self.distance("__start___ex_table", insn);
        self.distance("__start___ex_table", fixup);
        self.bytes("__start___ex_table", &[0; 4]);
    }

    fn judge(mut self) -> Result<Vec<Verdict>> {
        let mut data = vec![0; TABLES.len() * ROOM];
        for (nth, (start, end)) in TABLES.iter().enumerate() {
            let (at, table) = (nth * ROOM, self.tables[nth].clone());
            data[at..at + table.len()].copy_from_slice(&table);
            self.symbol(start, DATA + at as u64);
            self.symbol(end, DATA + (at + table.len()) as u64);
        }
        self.symbols
            .sort_by(|a, b| (a.address, &a.name).cmp(&(b.address, &b.name)));
        let sections = [
            (".text", TEXT, self.text),
            (".data", DATA, data),
            (".init.text", INIT, self.init),
            (".altinstr_replacement", REPLACEMENTS, self.replacements),
        ];
        let typed = BTreeSet::from([b"hookable".to_vec()]);
        Ok(Judge::new(Image::of(&sections, self.symbols), typed)?.verdicts())
    }
}

fn of<'a>(verdicts: &'a [Verdict], name: &str) -> &'a Verdict {
    let found = verdicts.iter().find(|it| it.symbol == name);
    found.expect("a symbol of the kernel")
}

/// Makes a function for each reason that the planner gives by the bytes alone; returns what it
/// should say.
fn by_bytes(maker: &mut Maker) -> Vec<(&'static str, Reason)> {
    let cases: &[(&str, &[u8], Reason)] = &[
        (
            "undecodable",
            &[0x55, 0x55, 0x55, 0x55, 0x55, 0x0f, 0x04],
            Reason::Undecodable,
        ),
        (
            "breakpoint",
            &[0x55, 0x55, 0x55, 0x55, 0x55, 0xcc],
            Reason::Breakpoint,
        ),
        (
            "branch-inside",
            &[0x55, 0x55, 0x55, 0x55, 0x55, 0x75, 0xfa],
            Reason::BranchInside,
        ),
        (
            "landing-inside",
            &[0x55, 0xf3, 0x0f, 0x1e, 0xfa],
            Reason::LandingInside,
        ),
        ("call", &[0x55, 0xe8, 0, 1, 0, 0], Reason::Call),
        ("return", &[0x31, 0xc0, 0xc3], Reason::Return),
        ("loop", &[0x31, 0xc0, 0xe2, 0x30], Reason::Loop),
        (
            "transaction",
            &[0xc7, 0xf8, 0, 1, 0, 0],
            Reason::Transaction,
        ),
        ("trap", &[0x0f, 0x05], Reason::Trap),
        (
            "operand-size-branch",
            &[0x66, 0x75, 0x20],
            Reason::OperandSizeBranch,
        ),
        (
            "reads-patch",
            &[0x8b, 0x05, 0xfc, 0xff, 0xff, 0xff],
            Reason::ReadsPatch,
        ),
        // mov -0x7f000000(%rip),%eax
        (
            "out-of-range",
            &[0x8b, 0x05, 0, 0, 0, 0x81],
            Reason::OutOfRange,
        ),
    ];
    for (name, bytes, _) in cases {
        maker.traced(name, &[bytes]);
    }
    cases.iter().map(|it| (it.0, it.2)).collect()
}

/// Makes a function for each reason that comes from a table or another symbol.
fn by_tables(maker: &mut Maker) -> Vec<(&'static str, Reason)> {
    let at = maker.traced("jump-label", &[&[0x0f, 0x1f, 0x44, 0, 0]]);
    maker.jump_label(at + 9, at + 14);
    let at = maker.traced("static-call", &[&[0xe9, 0, 1, 0, 0]]);
    maker.distance("__start_static_call_sites", at + 9);
    maker.bytes("__start_static_call_sites", &[0; 4]);
    let at = maker.traced("alternative", &[PROLOGUE]);
    maker.alternative(at + 13, 1, (at + 14, 0));
    let at = maker.traced("bug", &[&[0x0f, 0x0b]]);
    maker.distance("__start___bug_table", at + 9);
    maker.bytes("__start___bug_table", &[0; 12]);
    let at = maker.traced("exception-table", &[PROLOGUE]);
    maker.fixup(at + 10, at + 20);
    let at = maker.traced("fixup-inside", &[PROLOGUE]);
    maker.fixup(at + 20, at + 10);
    let at = maker.function("ftrace", &[&[0x55, 0x55], FENTRY]);
    maker.word("__start_mcount_loc", at + 2);
    let at = maker.traced("thunk-return", &[&[0x31, 0xc0], &[0xe9, 0, 0, 0, 0]]);
    maker.distance("__return_sites", at + 11);

    let at = maker.traced("branch-of-label", &[PROLOGUE, &[0x66, 0x90]]);
    maker.jump_label(at + 14, at + 10);
    let at = maker.traced("branch-of-alternative", &[PROLOGUE, &[0x66, 0x90]]);
    let rel = (at + 13).wrapping_sub(REPLACEMENTS + 5) as u32;
    maker.replacements = [&[0xe9][..], &rel.to_le_bytes()].concat();
    maker.alternative(at + 14, 2, (REPLACEMENTS, 5));
    let at = maker.traced("branch-from-elsewhere", &[PROLOGUE]);
    let part = maker.function("branch-from-elsewhere.cold", &[&[0xe9, 0, 0, 0, 0]]);
    let rel = (at + 10).wrapping_sub(part + 5) as u32;
    let place = (part - TEXT) as usize;
    maker.text[place + 1..place + 5].copy_from_slice(&rel.to_le_bytes());
    vec![
        ("jump-label", Reason::JumpLabel),
        ("static-call", Reason::StaticCall),
        ("alternative", Reason::Alternative),
        ("bug", Reason::Bug),
        ("exception-table", Reason::ExceptionTable),
        ("fixup-inside", Reason::FixupInside),
        ("ftrace", Reason::Ftrace),
        ("thunk-return", Reason::Return),
        ("branch-of-label", Reason::BranchOfLabel),
        ("branch-of-alternative", Reason::BranchOfAlternative),
        ("branch-from-elsewhere", Reason::BranchFromElsewhere),
        ("branch-from-elsewhere.cold", Reason::Part),
    ]
}

/// Makes a function for each reason that its name or its section is.
fn by_place(maker: &mut Maker) -> Vec<(&'static str, Reason)> {
    maker.traced("twice", &[PROLOGUE]);
    maker.traced("twice", &[PROLOGUE]);
    // A variable.
    maker.traced("once", &[PROLOGUE]);
    maker.symbol("once", DATA + 8);
    maker.traced("copied", &[PROLOGUE]);
    maker.traced("copied.isra.0", &[PROLOGUE]);
    maker.traced("named.llvm.17", &[PROLOGUE]);
    let at = maker.traced("nokprobe", &[PROLOGUE]);
    maker.word("__start_kprobe_blacklist", at);
    let areas = ["noinstr", "entry", "kprobes", "static_call"];
    for area in areas {
        maker.mark(&format!("__{area}_text_start"));
        maker.traced(&format!("in_{area}"), &[PROLOGUE]);
        maker.mark(&format!("__{area}_text_end"));
    }
    maker.exactly("too-short", &[ENDBR, &[0x31, 0xc0, 0x31, 0xd2]]);
    maker.init = [ENDBR, PROLOGUE, &[0xc3]].concat();
    maker.symbol("freed", INIT);
    vec![
        ("twice", Reason::NotUnique),
        ("once", Reason::NotUnique),
        ("copied", Reason::Sibling),
        ("copied.isra.0", Reason::Clone),
        ("named.llvm.17", Reason::Suffix),
        ("nokprobe", Reason::Nokprobe),
        ("in_noinstr", Reason::Noinstr),
        ("in_entry", Reason::Entry),
        ("in_kprobes", Reason::Nokprobe),
        ("in_static_call", Reason::StaticCallTrampoline),
        ("too-short", Reason::TooShort),
        ("freed", Reason::Freed),
    ]
}

#[test]
fn every_reason_is_given_where_it_holds() -> Result<()> {
    let mut maker = Maker::new();
    let mut expected = by_bytes(&mut maker);
    expected.extend(by_tables(&mut maker));
    expected.extend(by_place(&mut maker));
    maker.function("untraced", &[PROLOGUE]);
    let verdicts = maker.judge()?;
    for (name, reason) in &expected {
        assert_eq!(of(&verdicts, name).p, reason.name(), "{name}");
    }
    assert_eq!(of(&verdicts, "untraced").f, Reason::NoSite.name());
    let mut given: BTreeSet<Reason> = expected.iter().map(|it| it.1).collect();
    given.insert(Reason::NoSite);
    // Another kernel, below.
    given.insert(Reason::JumpTable);
    let all = Reason::ALL.iter().map(|it| it.0);
    assert_eq!(
        Vec::from_iter(given),
        Vec::from_iter(BTreeSet::from_iter(all))
    );
    Ok(())
}

#[test]
fn a_kernel_without_ibt_may_have_jump_tables() -> Result<()> {
    let mut maker = Maker::new();
    maker.table("__ibt_endbr_seal").0.clear();
    maker.traced("indirect", &[PROLOGUE, &[0xff, 0xe0]]);
    let verdicts = maker.judge()?;
    assert_eq!(of(&verdicts, "indirect").p, Reason::JumpTable.name());
    Ok(())
}

#[test]
fn says_what_is_displaced_and_who_can_take_it() -> Result<()> {
    let mut maker = Maker::new();
    maker.traced("hookable", &[PROLOGUE]);
    maker.function("untraced", &[PROLOGUE]);
    maker.traced("short", &[&[0xc3]]);
    let caller = maker.function("caller", &[PROLOGUE, &[0xe8, 0, 0, 0, 0]]);
    // It calls `untraced`, whose entry is the patch: that is what a hook is for.
    let untraced = maker.symbols.iter().find(|it| it.name == "untraced");
    let target = untraced.expect("a symbol").address;
    let place = (caller - TEXT) as usize + 6;
    let rel = target.wrapping_sub(caller + 10) as u32;
    maker.text[place..place + 4].copy_from_slice(&rel.to_le_bytes());
    let verdicts = maker.judge()?;
    let hookable = of(&verdicts, "hookable");
    assert_eq!(
        (&*hookable.f, &*hookable.p, &*hookable.back_ends),
        (YES, YES, "F+P")
    );
    assert_eq!(
        (&*hookable.displaced, hookable.displaced_at),
        ("554889e553", Some(9))
    );
    assert_eq!((hookable.site, &*hookable.landing), (Some(4), "endbr"));
    assert!(hookable.has_type && !of(&verdicts, "untraced").has_type);
    assert_eq!(of(&verdicts, "untraced").back_ends, "P");
    assert_eq!(of(&verdicts, "short").back_ends, "F");
    assert_eq!(of(&verdicts, "sealed").landing, "sealed");
    assert!(verdicts
        .iter()
        .all(|it| !it.symbol.starts_with("__pfx_") && it.symbol != "_text"));
    Ok(())
}

#[test]
fn a_kernel_without_a_list_is_refused() {
    let sections = [(".text", TEXT, vec![0x90; 16])];
    let error = Judge::new(Image::of(&sections, Vec::new()), BTreeSet::new());
    let error = error.err().expect("no lists").to_string();
    assert!(error.contains("__start_mcount_loc"), "{error}");
}

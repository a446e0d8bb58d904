//! Functions that begin like those of a compiler: gcc's and rustc's, out of files that are there.

use crate::image::{Image, Step, EXITS};
use crate::machine::DATA_LEN;
use fastrand::Rng;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};
use vk_hook::insn::{decode, Encoding, Flow, Insn, Map};

/// Steps of a function, and bytes: a branch of 8 bits must reach the exits.
const STEPS_MAX: usize = 12;
const BYTES_MAX: usize = 64;

/// This test and the C library it runs with, and what `VK_EXECUTE` names: a vmlinux, for example.
pub(crate) fn files() -> Vec<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mapped = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let c = mapped.filter(|path| path.contains("/libc.so") || path.contains("/libc-"));
    let mut files: Vec<PathBuf> = c.map(PathBuf::from).collect();
    files.dedup();
    files.insert(0, "/proc/self/exe".into());
    files.extend(env::var_os("VK_EXECUTE").map(PathBuf::from));
    files
}

/// The code of at most `max` functions of a file, taken evenly.
pub(crate) fn functions(path: &Path, max: usize) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).expect("a file");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let symbols = file.symbols().chain(file.dynamic_symbols());
    let texts = symbols.filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
    let all: BTreeMap<u64, u64> = texts.map(|text| (text.address(), text.size())).collect();
    let stride = all.len().div_ceil(max).max(1);
    let chosen = all.into_iter().step_by(stride);
    chosen
        .filter_map(|(address, size)| code(&file, address, size))
        .collect()
}

fn code(file: &object::File<'_>, address: u64, size: u64) -> Option<Vec<u8>> {
    let mut sections = file.sections();
    let data = sections.find_map(|section| section.data_range(address, size).ok().flatten());
    Some(data?.to_vec())
}

/// The beginning of a function, as far as it can run alone.
pub(crate) fn image(code: &[u8], rng: &mut Rng) -> Option<Image> {
    let (head, code) = split_head(code);
    let cut = cut(code);
    if cut.last().is_none_or(|(at, insn)| at + insn.len() < 5) {
        return None;
    }
    let steps = (0..cut.len()).map(|number| step(rng, &cut, number));
    Some(Image::new(&head, steps.collect()))
}

/// Splits off `endbr64`, and a call: of `__fentry__` in a vmlinux, which is a nop once it runs.
fn split_head(code: &[u8]) -> (Vec<u8>, &[u8]) {
    const ENDBR: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
    const NOP: &[u8] = &[0x0f, 0x1f, 0x44, 0x00, 0x00];
    let (endbr, code) = match code.strip_prefix(ENDBR) {
        Some(rest) => (ENDBR, rest),
        None => (&[][..], code),
    };
    match code {
        [0xe8, _, _, _, _, rest @ ..] => ([endbr, NOP].concat(), rest),
        _ => (endbr.to_vec(), code),
    }
}

/// The instructions up to one that cannot run alone, with their offsets.
fn cut(code: &[u8]) -> Vec<(usize, Insn<'_>)> {
    let mut instructions = Vec::new();
    let mut at = 0;
    while let Some(Ok(insn)) = code.get(at..).map(decode) {
        let is_full = instructions.len() == STEPS_MAX || at + insn.len() > BYTES_MAX;
        if is_full || !can_run_alone(&insn) {
            break;
        }
        instructions.push((at, insn));
        at += insn.len();
    }
    instructions
}

fn step(rng: &mut Rng, cut: &[(usize, Insn<'_>)], number: usize) -> Step {
    let (at, insn) = cut[number];
    let target = insn.branch().map(|branch| {
        let target = branch.target((at + insn.len()) as u64) as usize;
        let within = cut.iter().position(|(at, _)| *at == target);
        // A branch back could run for ever.
        let within = within.filter(|step| *step > number);
        within.unwrap_or_else(|| cut.len() + rng.usize(..EXITS))
    });
    Step::new(insn.bytes(), target, 16 * rng.usize(..DATA_LEN / 16))
}

/// Whether it goes on to the next or branches by its own bytes, does the same each time, and
/// leaves the process alone.
fn can_run_alone(insn: &Insn<'_>) -> bool {
    let goes_on = matches!(
        insn.flow(),
        Flow::Next | Flow::Jump | Flow::Jcc | Flow::Loop
    );
    let prefixes = &insn.bytes()[..insn.opcode_at()];
    let has_segment = prefixes.iter().any(|byte| matches!(byte, 0x64 | 0x65));
    // Processors disagree about its target.
    let is_short = insn.branch().is_some() && insn.has_operand_size();
    // Registers beyond AVX are not set up.
    let is_evex = insn.encoding() == Encoding::Evex;
    goes_on && !has_segment && !is_short && !is_evex && is_plain(insn)
}

fn is_plain(insn: &Insn<'_>) -> bool {
    match (insn.map(), insn.opcode()) {
        // Segments, popf, x87, ports, hlt, cli, sti.
        (Map::OneByte, 0x8c | 0x8e | 0x9b | 0x9d | 0xd8..=0xdf) => false,
        (Map::OneByte, 0x6c..=0x6f | 0xe4..=0xe7 | 0xec..=0xef | 0xf4 | 0xfa | 0xfb) => false,
        // System instructions, clocks, cpuid, fences and states, rng numbers.
        (Map::Map0f, 0x00..=0x0c | 0x20..=0x23 | 0x30..=0x37) => false,
        (Map::Map0f, 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xae | 0xc7) => false,
        _ => true,
    }
}

//! The kernel's table of instructions: tools/perf/arch/x86/tests/insn-x86-dat-64.c.

use std::fs;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use vk_hook::insn::{decode, Flow, Insn, MAX_LEN};

/// An instruction of the table.
struct Case {
    bytes: Vec<u8>,
    len: usize,
    rel: i64,
    /// What it is: "jmp", "call"...
    op: String,
    /// "conditional", "indirect"...
    branch: String,
}

/// Decodes every instruction of the table of the kernel at `source`; returns how many there are.
///
/// # Errors
///
/// The table cannot be read, or one of its instructions is decoded otherwise than it says.
pub(crate) fn check(source: &Path) -> Result<usize> {
    let path = source.join("tools/perf/arch/x86/tests/insn-x86-dat-64.c");
    let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let cases = cases(&text)?;
    ensure!(
        cases.len() > 2000,
        "{} has {} cases",
        path.display(),
        cases.len()
    );
    let wrong: Vec<String> = cases.iter().filter_map(Case::wrong).collect();
    ensure!(
        wrong.is_empty(),
        "{} wrong: {}",
        wrong.len(),
        wrong.join("; ")
    );
    Ok(cases.len())
}

/// Reads lines of the form `{{0xeb, 0x00, }, 2, 0, "jmp", "unconditional", "...",},`.
fn cases(text: &str) -> Result<Vec<Case>> {
    let entries = text.split("{{").skip(1);
    entries
        .map(|entry| case(entry).with_context(|| format!("not a case: {entry}")))
        .collect()
}

fn case(entry: &str) -> Option<Case> {
    let (bytes, fields) = entry.split_once('}')?;
    let bytes = bytes.split(',').map(str::trim).filter(|it| !it.is_empty());
    let byte = |it: &str| u8::from_str_radix(it.strip_prefix("0x")?, 16).ok();
    let mut fields = fields.split(',').map(str::trim).skip(1);
    Some(Case {
        bytes: bytes.map(byte).collect::<Option<_>>()?,
        len: fields.next()?.parse().ok()?,
        rel: number(fields.next()?)?,
        op: fields.next()?.trim_matches('"').to_owned(),
        branch: fields.next()?.trim_matches('"').to_owned(),
    })
}

/// Reads a number as C writes it; what has the sign bit of 32 bits is negative.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => Some(i64::from(u32::from_str_radix(digits, 16).ok()? as i32)),
        None => text.parse().ok(),
    }
}

impl Case {
    /// Says what is wrong, if something is.
    fn wrong(&self) -> Option<String> {
        let mut code = self.bytes.clone();
        // The rest of its array is zero.
        code.resize(MAX_LEN, 0);
        let insn = match decode(&code) {
            Ok(insn) => insn,
            Err(error) => return Some(format!("{:02x?}: {error}", self.bytes)),
        };
        let is_right = insn.len() == self.len && self.rel == rel(&insn) && self.fits(insn.flow());
        (!is_right).then(|| {
            let (len, op, branch) = (self.len, &self.op, &self.branch);
            format!(
                "{insn:?}: the table says {len} {} {op:?} {branch:?}",
                self.rel
            )
        })
    }

    fn fits(&self, flow: Flow) -> bool {
        match (&*self.op, &*self.branch) {
            ("call", "unconditional") => flow == Flow::Call,
            ("call", "indirect") => flow == Flow::IndirectCall,
            ("jmp", "unconditional") => flow == Flow::Jump,
            ("jmp", "indirect") => matches!(flow, Flow::IndirectJump | Flow::JumpAbsolute),
            ("jcc", "conditional") => matches!(flow, Flow::Jcc | Flow::Xbegin),
            ("loop", "conditional") => flow == Flow::Loop,
            ("ret" | "iret" | "sysret" | "erets" | "eretu", "indirect") => flow == Flow::Return,
            ("int" | "syscall", "indirect") => flow == Flow::Trap,
            ("" | "other", "" | "no_branch") => {
                matches!(flow, Flow::Next | Flow::Trap | Flow::Return)
            }
            _ => false,
        }
    }
}

fn rel(insn: &Insn<'_>) -> i64 {
    insn.branch().map_or(0, |branch| i64::from(branch.rel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_case_and_finds_one_that_is_wrong() -> Result<()> {
        let text =
            "{{0xe9, 0xfe, 0xff, 0xff, 0xff, }, 5, 0xfffffffe, \"jmp\", \"unconditional\",\n\
                    \"e9 fe ff ff ff \\tjmp\",},\n{{0x90, }, 2, 0, \"\", \"\",\n\"90\\tnop\",},";
        let cases = cases(text)?;
        let wrong: Vec<_> = cases.iter().map(|case| case.wrong().is_some()).collect();
        assert_eq!(wrong, [false, true]);
        Ok(())
    }
}

//! What the report on hooks says of one symbol: a line of its CSV, an object of its JSON.

use serde::{Deserialize, Serialize};

/// What a back end answers if it can take a function.
pub const YES: &str = "yes";

/// What the report on hooks says of one symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Its name.
    pub symbol: String,
    /// Its address, without the kernel's random offset, as `0x...`.
    pub address: String,
    /// How many bytes it is to the next symbol.
    pub len: u64,
    /// `F+P`, `F`, `P` or `neither`.
    pub back_ends: String,
    /// [`YES`], or why back end F cannot take it.
    pub f: String,
    /// [`YES`], or why back end P cannot take it.
    pub p: String,
    /// The planner's sentence, where it refused.
    pub p_why: String,
    /// The offset of ftrace's site, where there is one.
    pub site: Option<u64>,
    /// The bytes that back end P displaces, in hexadecimal, as they are in a booted kernel.
    pub displaced: String,
    /// The offset of these bytes.
    pub displaced_at: Option<u64>,
    /// Whether kprobes refuse every place in it.
    pub is_blacklisted: bool,
    /// What indirect calls find: `endbr`, `sealed` (the kernel takes it away when it boots) or `none`.
    pub landing: String,
    /// Whether the kernel's BTF has its prototype: a typed hook is refused without.
    pub has_type: bool,
}

impl Verdict {
    /// Returns its address.
    pub fn place(&self) -> Option<u64> {
        u64::from_str_radix(self.address.strip_prefix("0x")?, 16).ok()
    }
}

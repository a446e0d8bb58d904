//! The kernel that the module was built for, and whether the running one is it (c/build.c).

use core::fmt;

use crate::bindings;
use crate::btf::BtfError;
use crate::words::Words;

/// The length of a build-id, in bytes: SHA-1.
pub const BUILD_ID_LEN: usize = 20;

/// An ELF note's type for a build-id: `NT_GNU_BUILD_ID` in include/linux/elf.h.
const NT_GNU_BUILD_ID: u32 = 3;

/// What tells one build of a kernel from all others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BuildId([u8; BUILD_ID_LEN]);

impl BuildId {
    /// Takes the bytes of a build-id; `None` if their number is not that of one.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Finds it among the ELF notes of a kernel (`/sys/kernel/notes`, or the section of `vmlinux`).
    pub fn in_notes(mut notes: &[u8]) -> Option<Self> {
        loop {
            let (name_len, rest) = word(notes)?;
            let (len, rest) = word(rest)?;
            let (kind, rest) = word(rest)?;
            let (name, rest) = padded(rest, name_len)?;
            let (description, rest) = padded(rest, len)?;
            if kind == NT_GNU_BUILD_ID && name == b"GNU\0" {
                return Self::new(description);
            }
            notes = rest;
        }
    }

    /// Returns its bytes.
    pub const fn bytes(&self) -> &[u8; BUILD_ID_LEN] {
        &self.0
    }
}

/// In hexadecimal; with a precision that many digits of it.
impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = f.precision().map_or(BUILD_ID_LEN, |digits| digits >> 1);
        let mut bytes = self.0.get(..len).unwrap_or(&self.0).iter();
        bytes.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*word), rest))
}

/// Splits off `len` bytes and the padding behind them; the last part of all may lack it.
fn padded(bytes: &[u8], len: u32) -> Option<(&[u8], &[u8])> {
    let len = len as usize;
    let (part, _) = bytes.split_at_checked(len)?;
    let rest = bytes.get(len.checked_next_multiple_of(4)?..);
    Some((part, rest.unwrap_or_default()))
}

/// Why the module may not divert functions of the running kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The build recorded no kernel.
    NotRecorded,
    /// The build-id of one of the two kernels is not known.
    Unknown {
        /// The release that was built for.
        release: &'static str,
    },
    /// The running kernel is another build.
    OtherKernel {
        /// The release that was built for.
        release: &'static str,
        /// Its build-id.
        wanted: BuildId,
        /// The release that runs.
        running_release: &'static str,
        /// Its build-id.
        running: BuildId,
    },
    /// It is another build, and has no BTF to compare.
    NoTypes,
    /// It is another build, and its BTF cannot be read.
    BadTypes(BtfError),
    /// It is another build, and no type was recorded for something that the hooks stand on.
    Untyped {
        /// The function or `struct NAME`.
        name: &'static str,
    },
    /// It is another build, and this is not what it was.
    Differs {
        /// The function or `struct NAME`.
        name: &'static str,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRecorded => f.write_str(
                "the build did not record which kernel it is for; build with `cargo xtask module`",
            ),
            Self::Unknown { release } => write!(
                f,
                "the build-id of {release}, which it was built for, or that of this kernel is not \
                 known; allow=btf compares their types"
            ),
            Self::OtherKernel {
                release,
                wanted,
                running_release,
                running,
            } => write!(
                f,
                "built for another kernel: {release} ({wanted:.12}), this is {running_release} \
                 ({running:.12}); allow=btf compares their types"
            ),
            Self::NoTypes => f.write_str("allow=btf: this kernel has no BTF"),
            Self::BadTypes(error) => write!(f, "allow=btf: {error}"),
            Self::Untyped { name } => write!(
                f,
                "allow=btf: the build recorded no type of {name}; build with `cargo xtask module`"
            ),
            Self::Differs { name } => {
                write!(f, "allow=btf: {name} is not what the module was built for")
            }
        }
    }
}

impl core::error::Error for Mismatch {}

/// Tells whether the module was loaded with `allow=btf`.
pub fn allows_btf() -> bool {
    // SAFETY: Any context.
    unsafe { bindings::vk_build_allows_btf() }
}

/// Refuses every feature, and says why in the log. Process context, before anything is planned.
pub fn refuse(why: &Mismatch) {
    let mut line = Words::new();
    // `Words` take everything.
    let _ = fmt::Write::write_fmt(&mut line, format_args!("{why}"));
    let text = line.bytes();
    // SAFETY: `text` has the length given.
    unsafe { bindings::vk_build_refuse(text.as_ptr(), text.len() as u64) };
}

/// Compares the running kernel with the one that the module was built for.
///
/// Their build-ids decide. With `allow_btf` another build will do if all that the hooks stand on,
/// the functions' prototypes and the structures' layouts, is the same in both. Process context.
///
/// # Errors
///
/// What does not fit; nothing may be armed then.
#[cfg(feature = "kernel")]
pub fn check(allow_btf: bool) -> Result<(), Mismatch> {
    use running::Record;
    let release = Record::release();
    if release.is_empty() {
        return Err(Mismatch::NotRecorded);
    }
    let other = match (Record::build_id(), running::build_id()) {
        (Some(wanted), Some(running)) if wanted == running => return Ok(()),
        (Some(wanted), Some(running)) => Mismatch::OtherKernel {
            release,
            wanted,
            running_release: running::release(),
            running,
        },
        _ => Mismatch::Unknown { release },
    };
    match allow_btf {
        true => running::compare_types(),
        false => Err(other),
    }
}

/// Compares the lines of the hooks with the running kernel's BTF, and refuses those that differ.
/// Process context, after the hooks are planned.
#[cfg(feature = "kernel")]
pub(crate) fn compare_lines() {
    running::compare_lines();
}

/// The two sides of the comparison, as C knows them.
#[cfg(feature = "kernel")]
mod running {
    use core::ffi::CStr;
    use core::slice;

    use kernel::alloc::{flags::GFP_KERNEL, KVec};

    use super::{BuildId, Mismatch, BUILD_ID_LEN};
    use crate::bindings;
    use crate::btf::{Btf, BtfError, Prototype};
    use crate::line::Line;
    use crate::Ftrace;
    use vk_hook::HookId;

    /// How many types' places are kept: one in about forty of a stock kernel.
    const INDEX_LEN: usize = 4096;

    /// What the build recorded.
    pub(super) struct Record;

    impl Record {
        pub(super) fn build_id() -> Option<BuildId> {
            let mut bytes = [0; BUILD_ID_LEN];
            // SAFETY: `bytes` has the room given.
            let len = unsafe { bindings::vk_build_id(bytes.as_mut_ptr(), BUILD_ID_LEN as u32) };
            (len as usize == BUILD_ID_LEN).then_some(BuildId(bytes))
        }

        pub(super) fn release() -> &'static str {
            // SAFETY: A string literal of C.
            unsafe { text(bindings::vk_build_release()) }
        }

        /// Returns what was recorded of `name`: its signature, or that it has no type.
        fn signature(name: &str) -> Option<Option<u64>> {
            let mut entries = (0..u32::MAX).map_while(Self::entry);
            entries.find(|it| it.0 == name).map(|it| it.1)
        }

        /// Returns the name of entry `i`, and its signature if it has a type.
        fn entry(i: u32) -> Option<(&'static str, Option<u64>)> {
            let mut signature = 0;
            // SAFETY: Any number will do.
            let name = unsafe { bindings::vk_build_type(i, &mut signature) };
            // SAFETY: Null or a string literal of C.
            let name = unsafe { text(name) };
            let signature = (signature != 0).then_some(signature);
            (!name.is_empty()).then_some((name, signature))
        }
    }

    pub(super) fn build_id() -> Option<BuildId> {
        let mut len = 0;
        // SAFETY: Process context.
        let notes = unsafe { bindings::vk_running_notes(&mut len) };
        // SAFETY: What C returns are `len` bytes of the kernel's read-only data, or null.
        let notes = unsafe { bytes(notes, len) }?;
        BuildId::in_notes(notes)
    }

    pub(super) fn release() -> &'static str {
        // SAFETY: The running kernel's name does not change.
        unsafe { text(bindings::vk_running_release()) }
    }

    /// Returns the running kernel's BTF.
    fn btf() -> Option<&'static [u8]> {
        let mut len = 0;
        // SAFETY: Process context.
        let btf = unsafe { bindings::vk_running_btf(&mut len) };
        // SAFETY: What C returns are `len` bytes of the kernel's read-only data, or null.
        unsafe { bytes(btf, len) }
    }

    /// More arguments than any hook has: `VK_ARGUMENTS` of c/vk_hook.h, and what it returns.
    const CODES: usize = 16;

    /// The hooks that are found by name, and whether one was compared.
    struct Named {
        hook: HookId,
        symbol: &'static str,
        is_compared: bool,
    }

    pub(super) fn compare_lines() {
        if let Err(why) = try_compare_lines() {
            for hook in Ftrace::hooks() {
                refuse(*hook, why);
            }
        }
    }

    fn try_compare_lines() -> Result<(), &'static str> {
        let mut named = KVec::new();
        for &hook in Ftrace::hooks() {
            // SAFETY: A number of a hook.
            if unsafe { bindings::vk_hook_is_named(hook.0) } {
                let symbol = Ftrace::info(hook).map_or("", |info| info.symbol);
                let one = Named {
                    hook,
                    symbol,
                    is_compared: false,
                };
                named
                    .push(one, GFP_KERNEL)
                    .map_err(|_| "no memory to read the BTF")?;
            }
        }
        let Some(bytes) = btf() else {
            // The headers of the very kernel were seen when the module was built.
            return match (Record::build_id(), build_id()) {
                (Some(built), Some(running)) if built == running => Ok(()),
                _ => Err("this kernel has no BTF to compare its prototype with"),
            };
        };
        let mut index = KVec::from_elem(0_u32, INDEX_LEN, GFP_KERNEL)
            .map_err(|_| "no memory to read the BTF")?;
        let btf = Btf::parse(bytes, &mut index).map_err(|_| "this kernel's BTF cannot be read")?;
        btf.each_function(|name, prototype| compare_one(&mut named, name, &prototype))
            .map_err(|_: BtfError| "this kernel's BTF cannot be read")?;
        for one in named.iter().filter(|one| !one.is_compared) {
            refuse(one.hook, NOT_THERE);
        }
        for &hook in Ftrace::hooks() {
            compare_held(&btf, hook).map_err(|_: BtfError| "this kernel's BTF cannot be read")?;
        }
        Ok(())
    }

    const NOT_THERE: &str = "this kernel's BTF does not have it";

    /// Compares the line of a hook that is found in data with the type of the pointer that led to it.
    fn compare_held(btf: &Btf<'_>, hook: HookId) -> Result<(), BtfError> {
        // SAFETY: A number of a hook; what C returns is null or a string literal.
        let held = unsafe { text(bindings::vk_hook_held(hook.0)) };
        let names = held.strip_prefix("struct ").unwrap_or(held);
        let Some((structure, field)) = names.split_once('.') else {
            return Ok(());
        };
        let mut codes = [0; CODES];
        let line = line_of(hook, &mut codes);
        match btf.method(structure, field)? {
            None => refuse(hook, NOT_THERE),
            Some(prototype) => {
                if let Some(difference) = line.difference(&prototype)? {
                    refuse(hook, difference.as_str());
                }
            }
        }
        Ok(())
    }

    fn compare_one(
        named: &mut [Named],
        name: &[u8],
        prototype: &Prototype<'_>,
    ) -> Result<(), BtfError> {
        for one in named.iter_mut().filter(|one| one.symbol.as_bytes() == name) {
            one.is_compared = true;
            let mut codes = [0; CODES];
            let line = line_of(one.hook, &mut codes);
            if let Some(difference) = line.difference(prototype)? {
                refuse(one.hook, difference.as_str());
            }
        }
        Ok(())
    }

    fn line_of(hook: HookId, codes: &mut [u8; CODES]) -> Line<'_> {
        // SAFETY: A number of a hook.
        let arguments = unsafe { bindings::vk_hook_arguments(hook.0) } as usize;
        for (nth, code) in (0..).zip(codes.iter_mut()) {
            // SAFETY: A number of a hook; any number of an argument will do.
            *code = unsafe { bindings::vk_hook_code(hook.0, nth) } as u8;
        }
        let codes = codes.get(..arguments.saturating_add(1)).unwrap_or_default();
        // SAFETY: A string literal of C.
        let takes = unsafe { text(bindings::vk_hook_takes(hook.0)) };
        Line { codes, takes }
    }

    fn refuse(hook: HookId, why: &str) {
        // SAFETY: A number of a hook, and `why` has the length given.
        unsafe { bindings::vk_hook_refuse(hook.0, why.as_ptr(), why.len() as u64) };
    }

    pub(super) fn compare_types() -> Result<(), Mismatch> {
        let btf = btf().ok_or(Mismatch::NoTypes)?;
        let mut index =
            KVec::from_elem(0_u32, INDEX_LEN, GFP_KERNEL).map_err(|_| Mismatch::NoTypes)?;
        let btf = Btf::parse(btf, &mut index).map_err(Mismatch::BadTypes)?;
        (0..u32::MAX)
            .map_while(wanted)
            .try_for_each(|(name, must_have_type)| {
                let recorded = Record::signature(name).ok_or(Mismatch::Untyped { name })?;
                if recorded.is_none() && !must_have_type {
                    return Ok(());
                }
                let recorded = recorded.ok_or(Mismatch::Untyped { name })?;
                match btf.signature(name).map_err(Mismatch::BadTypes)? {
                    Some(running) if running == recorded => Ok(()),
                    _ => Err(Mismatch::Differs { name }),
                }
            })
    }

    /// Returns what the hooks stand on, by number, and whether it must have a type: BTF has none
    /// of variables.
    fn wanted(i: u32) -> Option<(&'static str, bool)> {
        let mut must_have_type = false;
        // SAFETY: Any number will do.
        let name = unsafe { bindings::vk_build_wanted(i, &mut must_have_type) };
        // SAFETY: Null or a string literal of C.
        let name = unsafe { text(name) };
        (!name.is_empty()).then_some((name, must_have_type))
    }

    /// # Safety
    ///
    /// `text` is null or a C string that lives as long as the module.
    unsafe fn text(text: *const core::ffi::c_char) -> &'static str {
        if text.is_null() {
            return "";
        }
        // SAFETY: By the contract of this function.
        unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
    }

    /// # Safety
    ///
    /// `start` is null or the first of `len` bytes that never change.
    unsafe fn bytes(start: *const u8, len: u64) -> Option<&'static [u8]> {
        if start.is_null() {
            return None;
        }
        // SAFETY: By the contract of this function.
        Some(unsafe { slice::from_raw_parts(start, len as usize) })
    }
}

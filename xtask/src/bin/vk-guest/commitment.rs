//! What all processes have committed, as their own maps say it: the sum that the kernel and the
//! module must have too.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};

use crate::meminfo;
use crate::namespace;

const PAGE_BYTES: u64 = 4096;

/// Room for the longest smaps, so that looking changes nothing of the looker's.
const ROOM_BYTES: usize = 1 << 20;

/// How often one looks until nothing has changed meanwhile.
const LOOKS: usize = 50;

/// What a look at all processes brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commitments {
    /// Pages of private memory that is charged, by pid namespace.
    private: HashMap<u64, u64>,
    /// Pages of shared objects, by inode; that of a System V segment is its number instead.
    shared: HashMap<(Kind, u64), u64>,
}

/// What a shared object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Segment,
    Other,
}

/// A mapping, as smaps has it.
#[derive(Debug, PartialEq, Eq)]
struct Region<'a> {
    /// `START-END`.
    place: &'a str,
    bytes: u64,
    inode: u64,
    path: &'a str,
    flags: &'a str,
}

impl Commitments {
    /// Looks at all processes, which should be at rest, until they were for the time of a look; returns
    /// also the kernel's own sum meanwhile, in pages.
    ///
    /// # Errors
    ///
    /// They are not.
    pub(crate) fn at_rest() -> Result<(Self, u64)> {
        let mut text = String::with_capacity(ROOM_BYTES);
        let mut before = Self::seen(&mut text)?;
        for _ in 0..LOOKS {
            let meminfo = fs::read_to_string("/proc/meminfo")?;
            let sum_kb = meminfo::kb(&meminfo, "Committed_AS")?;
            let after = Self::seen(&mut text)?;
            if before == after {
                return Ok((after, sum_kb / 4));
            }
            before = after;
        }
        anyhow::bail!("the processes do not come to rest")
    }

    /// Returns the pages that processes of the namespace `ns` have for themselves.
    pub(crate) fn private_of(&self, ns: u64) -> u64 {
        self.private.get(&ns).copied().unwrap_or(0)
    }

    /// Returns the sum of all.
    pub(crate) fn sum(&self) -> u64 {
        self.private.values().chain(self.shared.values()).sum()
    }

    /// Returns the sum of what is shared.
    pub(crate) fn shared(&self) -> u64 {
        self.shared.values().sum()
    }

    fn seen(text: &mut String) -> Result<Self> {
        let mut seen = Self::default();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            if let Some(pid) = name.to_str().and_then(|it| it.parse().ok()) {
                // One that ends meanwhile has nothing; the next look will find the same.
                let _ = seen.add(pid, text);
            }
        }
        Ok(seen)
    }

    fn add(&mut self, pid: u32, text: &mut String) -> Result<()> {
        text.clear();
        fs::File::open(format!("/proc/{pid}/smaps"))?.read_to_string(text)?;
        let mut pages = 0;
        for region in regions(text) {
            let has = |flag| region.flags.split(' ').any(|its| its == flag);
            if has("ac") {
                pages += region.bytes / PAGE_BYTES;
            }
            if let Some(kind) = shared_memory(region.path) {
                let path = format!("/proc/{pid}/map_files/{}", region.place);
                let object = fs::metadata(&path).with_context(|| format!("no {path}"))?;
                let pages = charged(&object, has("nr"));
                self.shared.insert((kind, region.inode), pages);
            }
        }
        if pages != 0 {
            *self.private.entry(namespace::id_of(pid)?).or_default() += pages;
        }
        self.add_files(pid)
    }

    /// Objects that are open, mapped or not: each page is charged when it is there.
    fn add_files(&mut self, pid: u32) -> Result<()> {
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
            let path = entry?.path();
            let target = fs::read_link(&path)?;
            if target.to_string_lossy().starts_with("/memfd:") {
                let object = fs::metadata(&path)?;
                let key = (Kind::Other, object.ino());
                self.shared.insert(key, charged(&object, true));
            }
        }
        Ok(())
    }
}

/// Shared anonymous memory and System V segments: objects that go with their last mapping.
fn shared_memory(path: &str) -> Option<Kind> {
    if path.starts_with("/SYSV") {
        return Some(Kind::Segment);
    }
    path.starts_with("/dev/zero").then_some(Kind::Other)
}

/// The whole of an object, or the pages that are there.
fn charged(object: &fs::Metadata, by_page: bool) -> u64 {
    match by_page {
        true => object.blocks() * 512 / PAGE_BYTES,
        false => object.size().div_ceil(PAGE_BYTES),
    }
}

/// Takes smaps apart.
fn regions(smaps: &str) -> impl Iterator<Item = Region<'_>> {
    let mut head = None;
    smaps.lines().filter_map(move |line| {
        if let Some(flags) = line.strip_prefix("VmFlags: ") {
            return region(head.take()?, flags.trim());
        }
        let first = line.split(' ').next().unwrap_or_default();
        if first.contains('-') && !first.ends_with(':') {
            head = Some(line);
        }
        None
    })
}

fn region<'a>(head: &'a str, flags: &'a str) -> Option<Region<'a>> {
    let mut words = head.split_ascii_whitespace();
    let place = words.next()?;
    let (start, end) = place.split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let mut words = words.skip(3);
    Some(Region {
        place,
        bytes: hex(end)? - hex(start)?,
        inode: words.next()?.parse().ok()?,
        path: words.next().unwrap_or_default(),
        flags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
7f00-9f00 rw-s 00000000 00:01 2051                       /dev/zero (deleted)
Size:                  8 kB
VmFlags: rd wr sh mr mw me ms nr sd
55d0c0000000-55d0c0021000 rw-p 00000000 00:00 0          [heap]
Size:                132 kB
VmFlags: rd wr mr mw me ac sd
";

    #[test]
    fn takes_smaps_apart() {
        let regions: Vec<_> = regions(SMAPS).collect();
        assert_eq!(regions.len(), 2);
        assert_eq!(regions[0].inode, 2051);
        assert_eq!(regions[0].path, "/dev/zero");
        assert_eq!((regions[0].bytes, regions[1].bytes), (0x2000, 0x21000));
        assert!(regions[0].flags.contains("nr") && !regions[1].flags.contains("nr"));
        assert!(regions[1].flags.contains("ac"));
    }

    #[test]
    fn finds_what_this_process_maps() -> Result<()> {
        let mut text = String::new();
        let mut seen = Commitments::default();
        seen.add(std::process::id(), &mut text)?;
        assert!(seen.sum() > 0);
        Ok(())
    }
}

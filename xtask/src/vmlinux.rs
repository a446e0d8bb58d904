//! A kernel as an ELF file: out of its boot image, or as it was linked.

use std::fs;
use std::path::Path;

use anyhow::{bail, ensure, Context, Result};
use object::{Object, ObjectSection};
use vk_ffi_shims::build::BuildId;

use crate::cache::{self, Cache};
use crate::command::Command;
use crate::root::Root;

/// A kernel's ELF file.
pub(crate) struct Vmlinux {
    bytes: Vec<u8>,
}

impl Vmlinux {
    /// Reads an ELF file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no ELF file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let bytes = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
        ensure!(bytes.starts_with(b"\x7fELF"), "{shown} is no ELF file");
        Ok(Self { bytes })
    }

    /// Unpacks a boot image, once for each of its versions; `root` has the tools.
    ///
    /// # Errors
    ///
    /// It is no boot image, or packed in an unknown way.
    pub(crate) fn in_image(cache: &Cache, root: Option<&Root>, image: &Path) -> Result<Self> {
        let shown = image.display();
        let bytes = fs::read(image).with_context(|| format!("cannot read {shown}"))?;
        let payload = payload(&bytes).with_context(|| format!("{shown} is no boot image"))?;
        let key = cache::key([image.to_string_lossy(), hash(payload).to_string().into()]);
        let path = cache.entry(&format!("vmlinux-{key}"));
        let _lock = cache.lock("vmlinux")?;
        if !path.exists() {
            unpack(root, payload, &path).with_context(|| format!("cannot unpack {shown}"))?;
        }
        Self::open(&path)
    }

    /// Returns the content of a section.
    pub(crate) fn section(&self, name: &str) -> Option<&[u8]> {
        let file = object::File::parse(&*self.bytes).ok()?;
        let data = file.section_by_name(name)?.data().ok()?;
        (!data.is_empty()).then_some(data)
    }

    /// Returns its build-id.
    pub(crate) fn build_id(&self) -> Option<BuildId> {
        BuildId::in_notes(self.section(".notes")?)
    }

    /// Returns its release: what `uname -r` says.
    pub(crate) fn release(&self) -> Option<String> {
        // The banner of init/version.c.
        const BANNER: &[u8] = b"Linux version ";
        let data = self.section(".rodata")?;
        let at = memchr::memmem::find(data, BANNER)? + BANNER.len();
        let word = data[at..].split(|byte| *byte == b' ').next()?;
        Some(String::from_utf8_lossy(word).into_owned())
    }

    /// Returns the whole file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Returns the packed kernel in a boot image: Documentation/arch/x86/boot.rst.
fn payload(image: &[u8]) -> Option<&[u8]> {
    const SETUP_SECTORS: usize = 0x1f1;
    const SIGNATURE: usize = 0x202;
    const PAYLOAD_OFFSET: usize = 0x248;
    const PAYLOAD_LENGTH: usize = 0x24c;
    if image.get(SIGNATURE..SIGNATURE + 4)? != b"HdrS" {
        return None;
    }
    let word = |at: usize| {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes) as usize)
    };
    let setup = (usize::from(*image.get(SETUP_SECTORS)?) + 1) * 512;
    let start = setup + word(PAYLOAD_OFFSET)?;
    image.get(start..start + word(PAYLOAD_LENGTH)?)
}

fn unpack(root: Option<&Root>, payload: &[u8], path: &Path) -> Result<()> {
    let Some(tool) = unpacker(payload) else {
        bail!("packed in an unknown way");
    };
    // The kernel's build adds the unpacked length to what its packer made.
    let packed = match tool {
        "gzip" => payload,
        _ => &payload[..payload.len().saturating_sub(4)],
    };
    let packed_path = path.with_extension("packed");
    fs::write(&packed_path, packed)?;
    let dir = path.parent().unwrap_or(Path::new("/"));
    let command = match root {
        Some(root) => root.command(tool, dir)?,
        None => Command::new(tool).dir(dir),
    };
    let bytes = command.arg("-dc").arg(&packed_path).bytes();
    fs::remove_file(&packed_path)?;
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes?)?;
    fs::rename(&partial, path).with_context(|| format!("cannot name {}", path.display()))
}

fn unpacker(packed: &[u8]) -> Option<&'static str> {
    const UNPACKERS: &[(&[u8], &str)] = &[
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x1f\x8b", "gzip"),
        (b"\xfd7zXZ\0", "xz"),
    ];
    let found = UNPACKERS
        .iter()
        .find(|(magic, _)| packed.starts_with(magic));
    found.map(|(_, tool)| *tool)
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_payload_of_a_boot_image() {
        let mut image = vec![0; 4096];
        image[0x1f1] = 3;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x248] = 16;
        image[0x24c] = 4;
        image[2064..2068].copy_from_slice(b"load");
        assert_eq!(payload(&image), Some(&b"load"[..]));
        image[0x202] = b'?';
        assert_eq!(payload(&image), None);
        assert_eq!(payload(&[]), None);
    }

    #[test]
    fn knows_a_packer_by_its_first_bytes() {
        assert_eq!(unpacker(b"\x28\xb5\x2f\xfd...."), Some("zstd"));
        assert_eq!(unpacker(b"\x1f\x8b...."), Some("gzip"));
        assert_eq!(unpacker(b"plain"), None);
    }
}

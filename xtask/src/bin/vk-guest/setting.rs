//! A value of the host's that a check changes for a while.

use std::fs;

use anyhow::{Context, Result};

/// The host's THP word.
pub(crate) const THP: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// The host's word for pages of 2 MiB alone, `inherit` at first.
pub(crate) const THP_2M: &str = "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled";

/// The host's commit mode.
pub(crate) const OVERCOMMIT: &str = "/proc/sys/vm/overcommit_memory";

/// The watermark that huge pages raise.
pub(crate) const MIN_FREE: &str = "/proc/sys/vm/min_free_kbytes";

/// A changed value; letting it go brings the old one back.
#[derive(Debug)]
pub(crate) struct Setting {
    path: &'static str,
    old: String,
}

impl Setting {
    /// Writes `value` to `path`.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub(crate) fn put(path: &'static str, value: &str) -> Result<Self> {
        let old = read(path)?;
        fs::write(path, value).with_context(|| format!("cannot write {value} to {path}"))?;
        Ok(Self { path, old })
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        if let Err(error) = fs::write(self.path, chosen(&self.old)) {
            eprintln!("vk-guest: cannot restore {}: {error}", self.path);
        }
    }
}

/// Returns the host's words for huge pages, as one line.
///
/// # Errors
///
/// A file cannot be read.
pub(crate) fn host_thp() -> Result<String> {
    let names = ["enabled", "defrag", "shmem_enabled", "use_zero_page"];
    let dir = "/sys/kernel/mm/transparent_hugepage";
    let words = names.map(|name| Ok(chosen(&read(&format!("{dir}/{name}"))?).to_owned()));
    Ok(words.into_iter().collect::<Result<Vec<_>>>()?.join(" "))
}

/// Reads a value, trimmed.
///
/// # Errors
///
/// The file cannot be read.
pub(crate) fn read(path: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    Ok(text.trim().to_owned())
}

/// Returns the chosen word of `always [madvise] never`; other text as it is.
pub(crate) fn chosen(text: &str) -> &str {
    let inside = text
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    inside.map_or(text, |(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_chosen_word() {
        assert_eq!(chosen("always [madvise] never"), "madvise");
        assert_eq!(chosen("0"), "0");
    }
}

//! The kernel's caches of objects: /proc/slabinfo.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

const PATH: &str = "/proc/slabinfo";

/// How many objects are in use, by cache.
#[derive(Debug)]
pub(crate) struct Slabs(BTreeMap<String, u64>);

impl Slabs {
    /// Counts now.
    ///
    /// # Errors
    ///
    /// The kernel does not say.
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string(PATH).context(PATH)?;
        Ok(Self::parse(&text))
    }

    /// Returns the caches that have over `most` more objects now, and how many more.
    ///
    /// # Errors
    ///
    /// The kernel does not say.
    pub(crate) fn grown_by_more_than(&self, most: u64) -> Result<Vec<String>> {
        let now = Self::now()?;
        Ok(self.growth_to(&now, most))
    }

    fn parse(text: &str) -> Self {
        // `name active total ...` behind two lines of head.
        let rows = text.lines().skip(2).filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            Some((name.to_owned(), words.next()?.parse().ok()?))
        });
        Self(rows.collect())
    }

    fn growth_to(&self, now: &Self, most: u64) -> Vec<String> {
        let grown = now.0.iter().filter_map(|(name, count)| {
            let before = self.0.get(name).copied().unwrap_or(0);
            let more = count.saturating_sub(before);
            (more > most).then(|| format!("{name}: {more} more"))
        });
        grown.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "slabinfo - version: 2.1\n# name <active_objs> <num_objs>\n";

    #[test]
    fn tells_which_caches_grew() {
        let before = Slabs::parse(&format!("{HEAD}pid 10 16\nkmalloc-64 5 64\n"));
        let now = Slabs::parse(&format!("{HEAD}pid 12 16\nkmalloc-64 50 64\nnew 11 12\n"));
        assert_eq!(
            before.growth_to(&now, 10),
            ["kmalloc-64: 45 more", "new: 11 more"]
        );
        assert!(before.growth_to(&now, 45).is_empty());
    }
}

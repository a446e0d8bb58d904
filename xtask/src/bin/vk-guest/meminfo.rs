//! The lines of `/proc/meminfo`.

use anyhow::{Context, Result};

/// Returns the value of the line `name`, in kB.
///
/// # Errors
///
/// There is no such line.
pub(crate) fn kb(text: &str, name: &str) -> Result<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let value = lines.find(|(its, _)| *its == name).map(|(_, value)| value);
    let number = value.and_then(|value| value.split_whitespace().next());
    let number = number.with_context(|| format!("no {name} in meminfo"))?;
    number
        .parse()
        .with_context(|| format!("{name} is {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_by_its_whole_name() -> Result<()> {
        let text = "CommitLimit:     1536 kB\nCommitted_AS:      12 kB\n";
        assert_eq!(kb(text, "CommitLimit")?, 1536);
        assert!(kb(text, "Commit").is_err());
        Ok(())
    }
}

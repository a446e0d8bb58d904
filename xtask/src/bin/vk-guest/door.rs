//! One open file of `/dev/vkernel`, byte for byte: what a write is told, and what can be read then.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::device::PATH;

/// An open file of the device.
#[derive(Debug)]
pub(crate) struct Door(File);

/// What came of one write.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Reply {
    /// The bytes taken, or the error's number.
    pub(crate) written: Result<usize, i32>,
    /// All that could be read then.
    pub(crate) text: String,
}

/// The first line of a refusal: `error ERRNO line=N key=KEY: sentence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error's name.
    pub(crate) errno: String,
    /// The line of the request.
    pub(crate) line: Option<u32>,
    /// The key, as it was given.
    pub(crate) key: Option<String>,
    /// What is wrong.
    pub(crate) sentence: String,
}

impl Door {
    /// Opens the device.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn open() -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(PATH)?;
        Ok(Self(file))
    }

    /// Writes `request` at once and reads the whole answer.
    ///
    /// # Errors
    ///
    /// The answer cannot be read.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<Reply> {
        let written = self.write(request);
        let mut text = String::new();
        self.0.read_to_string(&mut text)?;
        Ok(Reply { written, text })
    }

    /// Writes `request` at once.
    pub(crate) fn write(&mut self, request: &[u8]) -> Result<usize, i32> {
        self.0.write(request).map_err(number)
    }

    /// Reads at most `len` bytes of the answer.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn read(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let len = self.0.read(&mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }
}

impl From<OwnedFd> for Door {
    fn from(file: OwnedFd) -> Self {
        Self(file.into())
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Reply {
    /// Tells whether the request was taken.
    pub(crate) fn is_ok(&self) -> bool {
        self.written.is_ok() && self.head() == "ok"
    }

    /// Returns the first line.
    pub(crate) fn head(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Returns the lines behind the first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().skip(1)
    }

    /// Reads the first line as a refusal.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let (place, sentence) = self.head().strip_prefix("error ")?.split_once(": ")?;
        let mut words = place.split(' ');
        let mut refusal = Refusal {
            errno: words.next()?.to_owned(),
            line: None,
            key: None,
            sentence: sentence.to_owned(),
        };
        for word in words {
            match word.split_once('=')? {
                ("line", number) => refusal.line = Some(number.parse().ok()?),
                ("key", key) => refusal.key = Some(key.to_owned()),
                _ => return None,
            }
        }
        Some(refusal)
    }
}

/// Returns the name of an error's number, of those the device uses.
pub(crate) fn errno_name(number: i32) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::ESRCH, "ESRCH"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ENOMEM, "ENOMEM"),
        (libc::EBUSY, "EBUSY"),
        (libc::EACCES, "EACCES"),
        (libc::ENODEV, "ENODEV"),
        (libc::EINVAL, "EINVAL"),
        (libc::ERANGE, "ERANGE"),
        (libc::EMSGSIZE, "EMSGSIZE"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    ];
    let name = known.iter().find(|(its, _)| *its == number);
    name.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned())
}

/// Returns the number of an error.
pub(crate) fn number(error: io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Option<Refusal> {
        let (written, text) = (Err(libc::EINVAL), text.to_owned());
        Reply { written, text }.refusal()
    }

    #[test]
    fn reads_a_refusal_with_its_place() {
        let refusal = refused("error EINVAL line=2 key=x: no such key\n").expect("a refusal");
        assert_eq!(refusal.errno, "EINVAL");
        assert_eq!(refusal.line, Some(2));
        assert_eq!(refusal.key.as_deref(), Some("x"));
        assert_eq!(refusal.sentence, "no such key");
    }

    #[test]
    fn takes_nothing_else_for_a_refusal() {
        assert_eq!(refused("ok\n"), None);
        assert_eq!(refused("error EINVAL\n"), None);
        assert_eq!(refused("error EINVAL word: what\n"), None);
    }
}

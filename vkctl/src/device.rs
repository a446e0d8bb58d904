//! The device of the module: a request is written, its answer read on the same open file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::protocol::{Answer, Request};

/// The most bytes that are taken for an answer: 100,000 namespaces have room, and another device that never ends
/// (`/dev/zero`) does not fill the memory.
const MAX_ANSWER_LEN: u64 = 64 << 20;

/// The most bytes that are read for the reason why a request was not taken.
const MAX_REFUSAL_LEN: u64 = 4096;

/// Sends `request` to the device at `path` and returns the bytes of the whole answer.
///
/// # Errors
///
/// The module is not loaded, the caller may not use it, or the device did not take the request and gave no reason
/// to read. A refusal in the answer is no error here.
pub(crate) fn ask(path: &Path, request: &Request) -> Result<Vec<u8>, Failure> {
    let mut device = open(path)?;
    exchange(&mut device, &request.encode()).map_err(|e| Failure::io(path.display(), &e))
}

/// An answer that goes on.
#[derive(Debug)]
pub(crate) struct Stream {
    lines: BufReader<File>,
    path: PathBuf,
}

/// Sends `request` to the device at `path`, whose answer goes on without an end.
///
/// # Errors
///
/// As [`ask`], and a refusal.
pub(crate) fn open_stream(path: &Path, request: &Request) -> Result<Stream, Failure> {
    let mut device = open(path)?;
    if let Err(e) = write_once(&mut device, &request.encode()) {
        return match read_whole(&mut device, MAX_REFUSAL_LEN) {
            Ok(answer) if answer.starts_with(b"error ") => Err(refusal(&answer)),
            _ => Err(Failure::io(path.display(), &e)),
        };
    }
    let path = path.to_owned();
    let lines = BufReader::new(device);
    let mut stream = Stream { lines, path };
    match stream.next_line()? {
        Some(line) if line == "ok" => Ok(stream),
        line => Err(refusal(line.unwrap_or_default().as_bytes())),
    }
}

/// Returns what an answer that is not `ok` means.
fn refusal(answer: &[u8]) -> Failure {
    match Answer::parse(answer) {
        Err(error) => error.into(),
        Ok(_) => Failure::refused("EPROTO", "the module's answer is of another verb"),
    }
}

impl Stream {
    /// Waits for the next line; `None` at the end.
    ///
    /// # Errors
    ///
    /// The device cannot be read, or a line is too long to be one.
    pub(crate) fn next_line(&mut self) -> Result<Option<String>, Failure> {
        let mut line = Vec::new();
        let mut part = (&mut self.lines).take(MAX_REFUSAL_LEN);
        part.read_until(b'\n', &mut line)
            .map_err(|e| Failure::io(self.path.display(), &e))?;
        match line.pop() {
            Some(b'\n') => Ok(Some(String::from_utf8_lossy(&line).into_owned())),
            None => Ok(None),
            Some(_) => Err(Failure::refused("EPROTO", "the module cut a line off")),
        }
    }
}

/// Writes `request` and reads the answer.
fn exchange(device: &mut (impl Read + Write), request: &[u8]) -> io::Result<Vec<u8>> {
    let Err(e) = write_once(device, request) else {
        return read_whole(device, MAX_ANSWER_LEN);
    };
    // The sentence that goes with the number, if there is one, says more than the number.
    match read_whole(device, MAX_REFUSAL_LEN) {
        Ok(answer) if answer.starts_with(b"error ") => Ok(answer),
        _ => Err(e),
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let device = opened.map_err(|e| refuse_open(path, &e))?;
    let meta = device.metadata();
    let meta = meta.map_err(|e| Failure::io(path.display(), &e))?;
    if !meta.file_type().is_char_device() {
        return Err(Failure::refused(
            "ENODEV",
            format_args!("{} is not a device", path.display()),
        ));
    }
    Ok(device)
}

fn refuse_open(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::io(path.display(), error);
    match (error.kind(), &*failure.errno) {
        (ErrorKind::NotFound, _) | (_, "ENODEV" | "ENXIO") => Failure {
            message: format!("the module vkernel is not loaded: {} is missing", path.display()),
            ..failure
        }
        .hint("load it with `modprobe vkernel`; `dmesg` says why if that fails"),
        (ErrorKind::PermissionDenied, _) => failure.hint(
            "the device is root's: run vkctl as root on the host, with CAP_SYS_ADMIN in the initial user namespace",
        ),
        _ => failure,
    }
}

/// Writes `bytes` by one write(2), since each one is a request of its own.
fn write_once(device: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let taken = device.write(bytes)?;
    if taken == bytes.len() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "only {taken} of {} bytes of the request were taken",
        bytes.len()
    )))
}

/// Reads until the end of the answer.
fn read_whole(device: &mut impl Read, max_len: u64) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let len = device.take(max_len).read_to_end(&mut answer)?;
    if len as u64 == max_len {
        return Err(io::Error::other("the answer does not end"));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(path: &Path) -> Failure {
        ask(path, &Request::new("list")).unwrap_err()
    }

    /// A device that takes `takes` bytes of a request, or nothing, and has `answer` to read.
    struct Script {
        takes: Option<usize>,
        answer: &'static [u8],
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let busy = io::Error::from(rustix::io::Errno::BUSY);
            self.takes.take().map(|n| n.min(bytes.len())).ok_or(busy)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Script {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.answer.read(buf)
        }
    }

    fn play(takes: Option<usize>, answer: &'static [u8]) -> Result<Vec<u8>, String> {
        let mut script = Script { takes, answer };
        exchange(&mut script, b"vkernel 1 list\n").map_err(|e| e.to_string())
    }

    #[test]
    fn a_request_is_one_write() {
        assert_eq!(play(Some(99), b"ok\n"), Ok(b"ok\n".to_vec()));
        assert!(play(Some(5), b"ok\n")
            .unwrap_err()
            .contains("only 5 of 15 bytes"));
    }

    #[test]
    fn a_refused_write_may_have_its_reason_to_read() {
        let reason = b"error EBUSY: armed elsewhere\n";
        assert_eq!(play(None, reason), Ok(reason.to_vec()));
        assert!(play(None, b"").unwrap_err().contains("busy"));
        assert!(play(None, b"ok\n").is_err());
    }

    #[test]
    fn says_how_to_load_the_module() {
        let dir = tempfile::tempdir().unwrap();
        let failure = failure(&dir.path().join("vkernel"));
        assert_eq!(failure.errno.as_ref(), "ENOENT");
        assert!(failure.message.contains("not loaded"));
        assert!(failure.hint.unwrap().contains("modprobe vkernel"));
    }

    #[test]
    fn leaves_a_plain_file_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "precious").unwrap();
        assert_eq!(failure(file.path()).errno.as_ref(), "ENODEV");
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "precious");
    }

    #[test]
    fn tells_a_device_that_takes_nothing() {
        assert_eq!(failure(Path::new("/dev/full")).errno.as_ref(), "ENOSPC");
    }

    #[test]
    fn gives_up_on_an_answer_without_an_end() {
        let failure = failure(Path::new("/dev/zero"));
        assert!(failure.message.contains("does not end"));
    }
}

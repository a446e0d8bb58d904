//! The virtio-serial port on which the guest reports.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Mutex, OnceLock};

use xtask::protocol::{Counts, Line};
use xtask::request::PORT;

/// The port and the count of what was sent.
struct Port {
    file: Option<File>,
    counts: Counts,
}

static SENT: OnceLock<Mutex<Port>> = OnceLock::new();

/// Sends a line.
pub(crate) fn send(line: &Line) {
    let port = SENT.get_or_init(|| Mutex::new(Port::open()));
    // A check that panicked while it sent leaves the port as usable as before.
    let mut port = port.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    port.counts.count(line);
    port.write(line);
}

/// Sends text for the reader.
pub(crate) fn say(text: impl Into<String>) {
    send(&Line::Say(text.into()));
}

/// Sends the closing line.
pub(crate) fn close() {
    let port = SENT.get_or_init(|| Mutex::new(Port::open()));
    let counts = port
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .counts;
    send(&Line::Verdict(counts));
}

impl Port {
    fn open() -> Self {
        let file = find().and_then(|path| OpenOptions::new().write(true).open(path));
        if let Err(error) = &file {
            eprintln!("vk-guest: no report port: {error}");
        }
        Self {
            file: file.ok(),
            counts: Counts::default(),
        }
    }

    fn write(&mut self, line: &Line) {
        let text = format!("{line}\n");
        let sent = match &mut self.file {
            Some(file) => file.write_all(text.as_bytes()),
            None => io::stdout().write_all(text.as_bytes()),
        };
        if let Err(error) = sent {
            eprintln!("vk-guest: cannot report: {error}");
        }
    }
}

fn find() -> io::Result<String> {
    for entry in fs::read_dir("/sys/class/virtio-ports")? {
        let entry = entry?;
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim() == PORT {
            return Ok(format!("/dev/{}", entry.file_name().to_string_lossy()));
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

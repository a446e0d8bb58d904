//! A device that answers as the module would: a pseudo terminal, since it is a character device on which a
//! request is written and an answer with an end is read on the same open file.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::Duration;

use rustix::fs::{open, Mode, OFlags};
use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};
use rustix::termios::{tcgetattr, tcsetattr, LocalModes, OptionalActions};

/// The character that the terminal's reader sees as the end.
const END: u8 = 4;

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// A device with one answer.
pub(crate) struct Device {
    path: PathBuf,
    requests: Receiver<String>,
    /// Keeps the settings of the terminal alive.
    _slave: File,
}

impl Device {
    /// Makes a device that gives `answer` to the first request.
    pub(crate) fn answering(answer: &str) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master = openpt(flags).expect("a pseudo terminal");
        grantpt(&master).expect("its other end");
        unlockpt(&master).expect("its other end");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let path = PathBuf::from(name.to_str().expect("a plain name"));
        let slave =
            open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
        let mut mode = tcgetattr(&slave).expect("its settings");
        mode.make_raw();
        // Line mode, and in it the end character, but nothing else that changes what passes.
        mode.local_modes |= LocalModes::ICANON;
        tcsetattr(&slave, OptionalActions::Now, &mode).expect("its settings");
        Self {
            path,
            requests: serve(File::from(master), answer.as_bytes().to_vec()),
            _slave: File::from(slave),
        }
    }

    /// Runs `vkctl` with the words of `line`.
    pub(crate) fn vkctl(&self, line: &str) -> Output {
        vkctl(&self.path, line)
    }

    /// Returns the request that has arrived.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    /// Tells whether no request has arrived.
    pub(crate) fn is_unused(&self) -> bool {
        self.requests.try_recv().is_err()
    }
}

/// Runs `vkctl` with the words of `line` on the device at `path`.
pub(crate) fn vkctl(path: impl Into<PathBuf>, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vkctl"))
        .args(line.split_whitespace())
        .env("VKERNEL_DEVICE", path.into())
        .stdin(Stdio::null())
        .output()
        .expect("vkctl runs")
}

fn serve(mut master: File, mut answer: Vec<u8>) -> Receiver<String> {
    let (tell, requests) = channel();
    thread::spawn(move || {
        let mut request = [0; 4096];
        // One write is one request, and one read takes it.
        let len = master.read(&mut request).unwrap_or(0);
        let _ = tell.send(String::from_utf8_lossy(&request[..len]).into_owned());
        answer.push(END);
        let _ = master.write_all(&answer);
        // The end of the thread hangs up, so it waits until the reader is through.
        thread::sleep(PATIENCE);
    });
    requests
}

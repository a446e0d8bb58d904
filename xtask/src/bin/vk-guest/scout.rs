//! A process that a check sends ahead - into a name space, without a capability - and asks there.
//!
//! It is this program again, `vk-guest scout`, with one thread; orders and reports are lines of
//! JSON on a socket that is its standard input. What it forks goes on listening in its place.

mod duty;
mod exhaust;
mod limits;
mod order;

pub(crate) use duty::run;
pub(crate) use limits::{HAMMERED, VALUES};
pub(crate) use order::{Ask, Kind, MapOp, Order, Report, Resource};

use std::fs;
use std::io::{BufRead, BufReader, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use crate::door::{errno_name, Door, Reply};
use crate::namespace;
use crate::userfault::Userfault;

/// How long an order may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A process that was sent ahead; it ends when it is let go.
#[derive(Debug)]
pub(crate) struct Scout {
    child: Child,
    socket: UnixStream,
    reports: BufReader<UnixStream>,
}

impl Scout {
    /// Sends one that has everything in common with this process.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn send() -> Result<Self> {
        let (ours, its) = UnixStream::pair()?;
        ours.set_read_timeout(Some(LIMIT))?;
        let child = Command::new("/proc/self/exe")
            .arg("scout")
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start a scout")?;
        Ok(Self {
            child,
            reports: BufReader::new(ours.try_clone()?),
            socket: ours,
        })
    }

    /// Sends one that is process 1 of a new pid namespace.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn send_into_new_namespace() -> Result<Self> {
        let mut scout = Self::send()?;
        scout.does(&Order::NewPid)?;
        Ok(scout)
    }

    /// Sends one that is process 1 of a new pid namespace below that of `outer`.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn send_below(outer: &Self) -> Result<Self> {
        let mut inner = Self::send()?;
        inner.does(&Order::Enter(format!("/proc/{}/ns/pid", outer.pid()?)))?;
        inner.does(&Order::NewPid)?;
        Ok(inner)
    }

    /// Gives an order; returns what it brought, or the error's number.
    ///
    /// # Errors
    ///
    /// The scout does not answer.
    pub(crate) fn order(&mut self, order: &Order) -> Result<Report> {
        self.tell_to(order)?;
        self.report(&format!("{order:?}"))
    }

    /// Gives an order without waiting for its report.
    ///
    /// # Errors
    ///
    /// The scout has ended.
    pub(crate) fn tell_to(&mut self, order: &Order) -> Result<()> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        Ok(self.socket.write_all(line.as_bytes())?)
    }

    /// Waits for the report of what was ordered.
    ///
    /// # Errors
    ///
    /// The scout does not answer.
    pub(crate) fn report(&mut self, of: &str) -> Result<Report> {
        let mut line = String::new();
        let len = self.reports.read_line(&mut line);
        let len = len.with_context(|| format!("no report of {of}"))?;
        ensure!(len != 0, "the scout ended at {of}");
        Ok(serde_json::from_str(&line)?)
    }

    /// Gives an order that must succeed.
    ///
    /// # Errors
    ///
    /// It does not.
    pub(crate) fn does(&mut self, order: &Order) -> Result<String> {
        match self.order(order)? {
            Ok(text) => Ok(text),
            Err(errno) => bail!("{order:?} of a scout: {}", errno_name(errno)),
        }
    }

    /// Reads a file as the scout sees it.
    ///
    /// # Errors
    ///
    /// It cannot.
    pub(crate) fn read(&mut self, path: &str) -> Result<String> {
        Ok(self.does(&Order::Read(path.to_owned()))?.trim().to_owned())
    }

    /// Lets the scout write to a file; returns the name of the error, if it is refused.
    ///
    /// # Errors
    ///
    /// The scout does not answer.
    pub(crate) fn write(&mut self, path: &str, text: &str) -> Result<Option<String>> {
        let (path, text) = (path.to_owned(), text.to_owned());
        let report = self.order(&Order::Write { path, text })?;
        Ok(report.err().map(errno_name))
    }

    /// Lets the scout open the device and ask.
    ///
    /// # Errors
    ///
    /// It cannot open it.
    pub(crate) fn ask(&mut self, request: &str) -> Result<Reply> {
        self.does(&Order::Open)?;
        self.tell(request)
    }

    /// Lets the scout ask by the device it has opened or was given.
    ///
    /// # Errors
    ///
    /// It has none.
    pub(crate) fn tell(&mut self, request: &str) -> Result<Reply> {
        let reply = self.does(&Order::Tell(request.to_owned()))?;
        Ok(serde_json::from_str(&reply)?)
    }

    /// Takes the scout's open device over: both have it then.
    ///
    /// # Errors
    ///
    /// It has none.
    pub(crate) fn borrow_door(&mut self) -> Result<Door> {
        let number = self.does(&Order::Lend)?.parse()?;
        Ok(Door::from(self.takes_over(number)?))
    }

    /// Lets the scout give what it holds to others to fill, and takes the descriptor for that over.
    ///
    /// # Errors
    ///
    /// It holds nothing, or the kernel refuses.
    pub(crate) fn borrow_userfault(&mut self) -> Result<Userfault> {
        let number = self.does(&Order::Userfault)?.parse()?;
        Ok(Userfault::from(self.takes_over(number)?))
    }

    fn takes_over(&self, number: i32) -> Result<OwnedFd> {
        let pid = rustix::process::Pid::from_raw(self.pid()? as i32).context("no pid")?;
        let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
        let flags = rustix::process::PidfdGetfdFlags::empty();
        Ok(rustix::process::pidfd_getfd(&process, number, flags)?)
    }

    /// Gives the scout an open device, by a message on the socket.
    ///
    /// # Errors
    ///
    /// It does not take it.
    pub(crate) fn lend_door(&mut self, door: &Door) -> Result<()> {
        let mut line = serde_json::to_string(&Order::Take)?;
        line.push('\n');
        let files = [door.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        ensure!(
            message.push(SendAncillaryMessage::ScmRights(&files)),
            "no room for a descriptor"
        );
        let bytes = [IoSlice::new(line.as_bytes())];
        sendmsg(&self.socket, &bytes, &mut message, SendFlags::empty())?;
        let mut line = String::new();
        self.reports.read_line(&mut line)?;
        match serde_json::from_str::<Report>(&line)? {
            Ok(_) => Ok(()),
            Err(errno) => bail!("the scout took no descriptor: {}", errno_name(errno)),
        }
    }

    /// Returns the number of the process that answers, as the host counts.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub(crate) fn pid(&self) -> Result<u32> {
        let mut pid = self.child.id();
        loop {
            let path = format!("/proc/{pid}/task/{pid}/children");
            let children = fs::read_to_string(&path).with_context(|| format!("no {path}"))?;
            match children.split_whitespace().next() {
                Some(child) => pid = child.parse()?,
                None => return Ok(pid),
            }
        }
    }

    /// Returns the number of its pid namespace.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub(crate) fn namespace(&self) -> Result<u64> {
        namespace::id_of(self.pid()?)
    }

    /// Ends it and all it forked; returns when none is left.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub(crate) fn recall(mut self) -> Result<()> {
        self.ends()
    }

    fn ends(&mut self) -> Result<()> {
        // Each process of the chain ends when its child has, the last one at the end of its input.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                self.child.kill()?;
                self.child.wait()?;
                bail!("a scout had to be killed");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Scout {
    fn drop(&mut self) {
        if let Err(error) = self.ends() {
            eprintln!("vk-guest: {error:#}");
        }
    }
}

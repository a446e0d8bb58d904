//! The scout's own side: hears orders, carries them out, reports.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use landlock::{AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError};
use rustix::mm::MapFlags;
use rustix::net::{recvmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{
    getppid, set_parent_process_death_signal, wait, Pid, Signal, Uid, WaitOptions,
};
use rustix::thread::{
    capabilities, set_capabilities, set_thread_uid, CapabilitySet, CapabilitySets,
};

use super::exhaust::{exhaust, Exhausted};
use super::limits;
use super::order::{Kind, Order, Report};
use crate::bench::Meter;
use crate::calls::{clone3, enter, fork, swapoff, unshare, wait_for, Fork, Space};
use crate::door::{number, Door};
use crate::khugepaged;
use crate::mapping::{Advice, Mapping};
use crate::sequence;
use crate::userfault::Userfault;
use crate::walk::Walk;
use crate::ways::Way;

/// Longer orders there are none.
const ORDER_MAX: usize = 1 << 20;

const NO_CAPABILITIES: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// What the scout has with it.
struct Scout {
    socket: UnixStream,
    door: Option<Door>,
    given: Option<OwnedFd>,
    held: Option<Mapping>,
    userfault: Option<Userfault>,
    exhausted: Option<Exhausted>,
    walk: Option<Walk>,
}

/// Serves until there are no more orders.
pub(crate) fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vk-guest scout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut scout = Scout {
        socket,
        door: None,
        given: None,
        held: None,
        userfault: None,
        exhausted: None,
        walk: None,
    };
    while let Some(order) = scout.hear()? {
        let report = scout.carry_out(order).map_err(number);
        scout.reports(&report)?;
    }
    Ok(())
}

impl Scout {
    /// Hears an order: one line, with a descriptor perhaps. None at the end.
    fn hear(&mut self) -> io::Result<Option<Order>> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut bytes = [0; 4096];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut message = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let got = recvmsg(
                &self.socket,
                &mut parts,
                &mut message,
                RecvFlags::CMSG_CLOEXEC,
            )?;
            for part in message.drain() {
                if let RecvAncillaryMessage::ScmRights(mut files) = part {
                    self.given = files.next();
                }
            }
            if got.bytes == 0 || line.len() > ORDER_MAX {
                return Ok(None);
            }
            line.extend_from_slice(&bytes[..got.bytes]);
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }

    fn reports(&mut self, report: &Report) -> io::Result<()> {
        let mut line = serde_json::to_string(report)?;
        line.push('\n');
        self.socket.write_all(line.as_bytes())
    }

    fn carry_out(&mut self, order: Order) -> io::Result<String> {
        match order {
            Order::Read(path) => return fs::read_to_string(path),
            Order::Write { path, text } => write_once(&path, &text)?,
            Order::Map(mib) => drop(Mapping::new(mib << 20, MapFlags::empty())?),
            Order::Hold(mib) => return self.hold(Mapping::new(mib << 20, MapFlags::empty())?),
            Order::HoldShared(mib) => return self.hold(Mapping::shared(mib << 20)?),
            Order::HoldKind(kind, mib) => return self.hold(mapping_of(kind, mib << 20)?),
            Order::HoldFile(path, mib) => return self.hold(file_at(&path, mib << 20)?),
            Order::Grow(mib) => {
                let mapping = self.held.as_mut().ok_or_else(bad)?;
                mapping.grow(mib << 20)?;
                return Ok(mapping.address().to_string());
            }
            Order::HoldFilled { mib, is_allocated } => {
                return self.hold(filled(mib << 20, is_allocated)?)
            }
            Order::Commit(way, mib) => {
                let way = Way::named(&way).map_err(io::Error::other)?;
                return way.takes(mib << 20).map_err(io::Error::other);
            }
            Order::Sequences { first, count } => return sequences(first, count),
            Order::Knock { pages, times } => return Ok(knocks(pages, times).to_string()),
            Order::Crowd { tasks, maps } => crowd(tasks, maps)?,
            Order::SwapOff(path) => swapoff(&path)?,
            Order::BeginWalk(seed) => self.walk = Some(Walk::begin(seed)?),
            Order::Walk(steps) => return self.walk.as_mut().ok_or_else(bad)?.goes(steps),
            Order::Enlist => khugepaged::enlist().map_err(io::Error::other)?,
            Order::Userfault => return self.userfault(),
            Order::Work(words) => return self.work(&words),
            Order::Measure(step_bytes) => return self.measure(step_bytes),
            Order::Open => self.door = Some(Door::open()?),
            Order::Tell(request) => return self.tell(&request),
            Order::Lend => return Ok(self.door()?.as_fd().as_raw_fd().to_string()),
            Order::Take => self.door = Some(Door::from(self.given.take().ok_or_else(bad)?)),
            Order::DropAdmin => drop_admin()?,
            Order::Become(user) => set_thread_uid(Uid::from_raw(user))?,
            Order::DropAll => set_capabilities(None, NO_CAPABILITIES)?,
            Order::Confine { reads } => confine(reads).map_err(io::Error::other)?,
            Order::Ask(ask) => return limits::asks(ask),
            Order::Exhaust(resource) => {
                let (count, exhausted) = exhaust(resource)?;
                self.exhausted = Some(exhausted);
                return Ok(count);
            }
            Order::Release => self.exhausted.take().ok_or_else(bad)?.release()?,
            Order::NewUser => unshare(Space::User)?,
            Order::NewPid => {
                unshare(Space::Pid)?;
                goes_on_in_child()?;
            }
            Order::Clone3(spaces) => goes_on_behind(clone3(&spaces)?)?,
            Order::ForkTwice => {
                goes_on_in_child()?;
                goes_on_in_child()?;
            }
            Order::Orphan => goes_on_as_orphan()?,
            Order::Exec => {
                self.reports(&Ok(String::new()))?;
                return Err(Command::new("/proc/self/exe").arg("scout").exec());
            }
            Order::Aim(path) => enter(File::open(path)?.as_fd(), Space::Pid)?,
            Order::Enter(path) => {
                enter(File::open(path)?.as_fd(), Space::Pid)?;
                goes_on_in_child()?;
            }
        }
        Ok(String::new())
    }

    fn door(&mut self) -> io::Result<&mut Door> {
        self.door.as_mut().ok_or_else(bad)
    }

    fn tell(&mut self, request: &str) -> io::Result<String> {
        let reply = self.door()?.ask(request.as_bytes())?;
        Ok(serde_json::to_string(&reply)?)
    }

    fn hold(&mut self, mapping: Mapping) -> io::Result<String> {
        let address = mapping.address();
        self.held = Some(mapping);
        Ok(address.to_string())
    }

    fn measure(&mut self, step_bytes: usize) -> io::Result<String> {
        let mapping = self.held.as_ref().ok_or_else(bad)?;
        let mut meter = Meter::new();
        let before = faults()?;
        meter.start();
        mapping.touch_every(step_bytes);
        let cost = meter.stop();
        let faults = faults()?.saturating_sub(before);
        Ok(format!("{cost} {faults}"))
    }

    fn userfault(&mut self) -> io::Result<String> {
        let mapping = self.held.as_ref().ok_or_else(bad)?;
        let userfault = self.userfault.insert(Userfault::new(mapping)?);
        Ok(userfault.as_fd().as_raw_fd().to_string())
    }

    fn work(&mut self, words: &str) -> io::Result<String> {
        let mapping = self.held.as_ref().ok_or_else(bad)?;
        for word in words.split(' ') {
            match word {
                "touch" => mapping.touch(),
                "read" => mapping.reads(),
                "nohuge" => mapping.advise(Advice::NoHuge)?,
                "huge" => mapping.advise(Advice::Huge)?,
                "collapse" => mapping.advise(Advice::Collapse)?,
                "populate" => mapping.advise(Advice::Populate)?,
                _ => {
                    let (verb, pages) = word.split_once('=').ok_or_else(bad)?;
                    let pages = pages.parse().map_err(|_| bad())?;
                    match verb {
                        "touch" => mapping.touch_first(pages),
                        "read" => mapping.reads_first(pages),
                        "pageout" => mapping.advise_first(pages, Advice::PageOut)?,
                        "alternate" => mapping.touch_every_other(pages),
                        _ => return Err(bad()),
                    }
                }
            }
        }
        Ok(String::new())
    }
}

/// The page faults of this process so far that needed no disk: the tenth word of its `stat`.
fn faults() -> io::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let words = stat.rsplit_once(") ").map_or("", |(_, words)| words);
    let word = words.split(' ').nth(7).and_then(|it| it.parse().ok());
    word.ok_or_else(bad)
}

fn mapping_of(kind: Kind, len_bytes: usize) -> io::Result<Mapping> {
    Ok(match kind {
        Kind::Anonymous => Mapping::shared_whole(len_bytes)?,
        Kind::Sysv => Mapping::sysv(len_bytes)?,
        Kind::Memfd => {
            let file = memfd(len_bytes)?;
            Mapping::of_file(file.as_fd(), len_bytes)?
        }
    })
}

/// The start of a file, of which no page is read ahead.
fn file_at(path: &str, len_bytes: usize) -> io::Result<Mapping> {
    let file = File::options().read(true).write(true).open(path)?;
    let mapping = Mapping::of_file(file.as_fd(), len_bytes)?;
    mapping.advise(Advice::Random)?;
    Ok(mapping)
}

fn memfd(len_bytes: usize) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create("vk", rustix::fs::MemfdFlags::CLOEXEC)?;
    rustix::fs::ftruncate(&file, len_bytes as u64)?;
    Ok(file)
}

/// A memfd that was filled before it is mapped.
fn filled(len_bytes: usize, is_allocated: bool) -> io::Result<Mapping> {
    let file = memfd(len_bytes)?;
    if is_allocated {
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, len_bytes as u64)?;
    } else {
        File::from(file.try_clone()?).write_all(&vec![1; len_bytes])?;
    }
    Ok(Mapping::of_file(file.as_fd(), len_bytes)?)
}

fn sequences(first: u64, count: u64) -> io::Result<String> {
    let ends = (first..first + count).map(sequence::run);
    let ends = ends.collect::<io::Result<Vec<_>>>()?;
    Ok(serde_json::to_string(&ends)?)
}

fn knocks(pages: usize, times: usize) -> usize {
    let is_granted = |_: &usize| Mapping::of_pages(pages).is_ok();
    (0..times).filter(is_granted).count()
}

/// Each child of its own maps, so that none is charged for another's.
fn crowd(tasks: usize, maps: usize) -> io::Result<()> {
    for _ in 0..tasks {
        let (mut done, mut ready) = UnixStream::pair()?;
        if let Fork::Child = fork()? {
            let kinds = [Advice::Huge, Advice::NoHuge];
            // Neighbours of one kind would be one mapping.
            let kept: io::Result<Vec<Mapping>> = kinds
                .into_iter()
                .cycle()
                .take(maps)
                .map(|kind| {
                    let mapping = Mapping::of_pages(1)?;
                    mapping.advise(kind)?;
                    Ok(mapping)
                })
                .collect();
            let _ = ready.write_all(&[u8::from(kept.is_ok())]);
            drop(ready);
            loop {
                std::thread::park();
            }
        }
        drop(ready);
        let mut is_done = [0];
        done.read_exact(&mut is_done)?;
        if is_done == [0] {
            return Err(bad());
        }
    }
    Ok(())
}

/// No file is excepted.
fn confine(reads: bool) -> Result<(), RulesetError> {
    let mut handled = BitFlags::from(AccessFs::WriteFile);
    if reads {
        handled |= AccessFs::ReadFile;
    }
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(handled)?
        .create()?
        .restrict_self()?;
    Ok(())
}

fn bad() -> io::Error {
    io::Error::from_raw_os_error(libc::EBADF)
}

fn write_once(path: &str, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let _ = file.write(text.as_bytes())?;
    Ok(())
}

fn drop_admin() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    for set in [
        &mut sets.effective,
        &mut sets.permitted,
        &mut sets.inheritable,
    ] {
        set.remove(CapabilitySet::SYS_ADMIN);
    }
    Ok(set_capabilities(None, sets)?)
}

/// Forks: the child returns, this process waits for its end and ends likewise.
fn goes_on_in_child() -> io::Result<()> {
    goes_on_behind(fork()?)
}

/// As [`goes_on_in_child`], after the fork.
fn goes_on_behind(fork: Fork) -> io::Result<()> {
    match fork {
        Fork::Child => Ok(set_parent_process_death_signal(Some(Signal::KILL))?),
        Fork::Parent(child) => std::process::exit(wait_for(child)?),
    }
}

/// Forks twice: the grandchild returns once its parent has ended. This process, which adopts it,
/// waits for its end.
fn goes_on_as_orphan() -> io::Result<()> {
    if let Fork::Parent(child) = fork()? {
        wait_for(child)?;
        wait(WaitOptions::empty())?;
        std::process::exit(0);
    }
    let middle = Pid::from_raw(std::process::id() as i32);
    if let Fork::Parent(_) = fork()? {
        std::process::exit(0);
    }
    while getppid() == middle {
        std::thread::yield_now();
    }
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

//! What a scout can be told to do.

use serde::{Deserialize, Serialize};

use crate::calls::Space;

/// An order, one line of JSON.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Order {
    /// Reads a file.
    Read(String),
    /// Writes to a file, by one write(2).
    Write {
        /// The file.
        path: String,
        /// The bytes.
        text: String,
    },
    /// Maps so many MiB and unmaps them.
    Map(usize),
    /// Maps so many MiB for good, untouched; reports the address.
    Hold(usize),
    /// Maps so many MiB of shared memory for good, untouched; reports the address.
    HoldShared(usize),
    /// Maps so many MiB of memory of this kind for good, untouched; reports the address.
    HoldKind(Kind, usize),
    /// Maps the first so many MiB of the file with this path for good, shared, so that no page is read
    /// ahead; reports the address.
    HoldFile(String, usize),
    /// Makes what it holds so many MiB long, elsewhere if need be; reports the address.
    Grow(usize),
    /// Writes so many MiB to a memfd by write(2), or makes room by fallocate(2), and maps it for
    /// good; reports the address.
    HoldFilled {
        /// How many.
        mib: usize,
        /// By fallocate(2).
        is_allocated: bool,
    },
    /// Does to what it holds what the words say: `nohuge`, `touch`, `touch=PAGES`, `read`, `read=PAGES`,
    /// `huge`, `collapse`, `populate`, `alternate=PAGES`.
    Work(String),
    /// Writes to one page in so many bytes of what it holds; reports how many instructions and how
    /// many faults that took, where the processor's counter counts instructions.
    Measure(usize),
    /// Takes a way to so many MiB more, for good; reports what came of it.
    Commit(String, usize),
    /// Does random sequences, and reports what each ended in.
    Sequences {
        /// The first one's seed; the others have the next.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Maps so many pages and unmaps them, so many times; reports how often it could.
    Knock {
        /// How many.
        pages: usize,
        /// How often.
        times: usize,
    },
    /// Has so many children, each with so many mappings that are charged.
    Crowd {
        /// How many children.
        tasks: usize,
        /// How many mappings.
        maps: usize,
    },
    /// Takes a swap file away.
    SwapOff(String),
    /// Gets ready for a random walk, from this seed on.
    BeginWalk(u64),
    /// Goes so many steps of it; reports what each was, and what came of it.
    Walk(u64),
    /// Gets on khugepaged's list.
    Enlist,
    /// Lets others fill what it holds; reports the number of the descriptor for that.
    Userfault,
    /// Opens the device.
    Open,
    /// Writes a request to the device it has, and reads the answer.
    Tell(String),
    /// Reports the number of its descriptor of the device.
    Lend,
    /// Takes the descriptor that comes with this message for its device.
    Take,
    /// Gives a capability up: CAP_SYS_ADMIN.
    DropAdmin,
    /// Becomes this user.
    Become(u32),
    /// Gives all capabilities up.
    DropAll,
    /// Has Landlock, a security module, refuse it to open files for writing from now on, and for
    /// reading too.
    Confine {
        /// For reading too.
        reads: bool,
    },
    /// Asks for something that a kernel parameter limits.
    Ask(Ask),
    /// Has a child take all that a kernel parameter leaves, and hold it; reports how many it got.
    Exhaust(Resource),
    /// Has that child let go.
    Release,
    /// Goes on in a user namespace of its own.
    NewUser,
    /// Goes on as process 1 of a new pid namespace.
    NewPid,
    /// Goes on as process 1 of a new pid namespace that clone3(2) makes, with a new user namespace
    /// or without.
    Clone3(Vec<Space>),
    /// Goes on in a child of a child.
    ForkTwice,
    /// Goes on, if it is process 1, in a child of a child that has ended, as a daemon does.
    Orphan,
    /// Goes on as the same program, anew.
    Exec,
    /// Has its children in the pid namespace of this file from now on.
    Aim(String),
    /// Goes on in a child that is in the pid namespace of this file.
    Enter(String),
}

/// A kind of memory that is shared.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Kind {
    /// `MAP_SHARED | MAP_ANONYMOUS`.
    Anonymous,
    /// A memfd.
    Memfd,
    /// SysV shared memory.
    Sysv,
}

/// Something that a kernel parameter limits.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Ask {
    /// Maps a page at this address, and unmaps it.
    PageAt(usize),
    /// Asks how long the kernel log may get.
    LogSize,
    /// Does something with mappings when it has so many.
    Maps(usize, MapOp),
    /// Makes both limits of descriptors this.
    Nofile(u64),
    /// Opens this descriptor, and closes it.
    Descriptor(i32),
    /// Makes a pipe of so many bytes; reports what it got.
    PipeBytes(usize),
    /// Makes so many pipes; reports how many bytes the last one has.
    Pipes(usize),
    /// In a mount namespace of its own, mounts until there are so many mounts; reports how many.
    Mounts(usize),
    /// Has 12 processes read a parameter, and 4 write it, for so many seconds; each value read must be
    /// one of those written.
    Hammer(u64),
    /// Opens so many files; reports how many it could.
    Opens(usize),
    /// Forks so often; reports how often it could.
    Forks(usize),
}

/// Something that a kernel parameter leaves so many of.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum Resource {
    /// Mappings of a process.
    Maps,
    /// Descriptors of a process.
    Descriptors,
    /// Mounts of a mount namespace.
    Mounts,
    /// Threads.
    Threads,
    /// Open files.
    Files,
    /// Pipes, by their pages.
    Pipes,
}

/// What is done with mappings.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) enum MapOp {
    /// A new one.
    Map,
    /// A new one in the middle of another.
    MapOver,
    /// Another protection for the first page of one.
    Protect,
    /// The middle of one goes.
    UnmapMiddle,
    /// The last page of one goes.
    UnmapEnd,
    /// The heap grows.
    Brk,
    /// One is resized: mremap(2).
    Resize,
}

/// What an order brought: text, or an error's number.
pub(crate) type Report = Result<String, i32>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_way_to_the_scout() -> Result<(), serde_json::Error> {
        let order = Order::Write {
            path: "/proc/sys/vm/overcommit_memory".to_owned(),
            text: "1\n".to_owned(),
        };
        let line = serde_json::to_string(&order)?;
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Order>(&line)?, order);
        Ok(())
    }
}

//! What is enforced for one container: per key, the value of the nearest namespace that has it.

use crate::{Key, Own, Setting};
use vk_overcommit::{Mode, Policy, Reserves};
use vk_sysctl::{Inside, Value, Values};

/// An immutable snapshot that readers follow; made anew for all descendants when an ancestor
/// changes, so that no reader climbs.
///
/// Generic over what the owner of a key is known by, and over the account of the nearest
/// container with a commit policy.
#[derive(Clone, Debug)]
pub struct Effective<Id, Books> {
    thp: vk_thp::Values,
    sysctl: Values,
    /// That of `sysctl`.
    overcommit_mode: Option<Mode>,
    /// The same, which is asked on each charge, if no other account is around this one's.
    lone_mode: Option<Mode>,
    writable: [bool; Key::COUNT],
    source: [Option<Id>; Key::COUNT],
    books: Option<(Id, Books)>,
    /// Another container with an account is around the one of `books`.
    is_surrounded: bool,
}

/// Where an effective value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<Id> {
    /// Set for the container itself or an ancestor.
    Namespace(Id),
    /// The host's.
    Host,
}

impl<Id: Copy, Books> Default for Effective<Id, Books> {
    fn default() -> Self {
        Self::host()
    }
}

impl<Id: Copy, Books> Effective<Id, Books> {
    /// Everything is the host's.
    pub const fn host() -> Self {
        Self {
            thp: vk_thp::Values::new(),
            sysctl: Values::new(),
            overcommit_mode: None,
            lone_mode: None,
            writable: [false; Key::COUNT],
            source: [None; Key::COUNT],
            books: None,
            is_surrounded: false,
        }
    }

    /// Goes one step up: what is decided is brought into the bounds of the namespace `id`, and what is
    /// not decided yet is taken from its `own`.
    ///
    /// Call it for the container first, then for its parent, and so on. So the outermost bound has
    /// the last word, in whatever order values and bounds were set. `books` is asked where `own` has a
    /// commit policy.
    pub fn inherit(&mut self, id: Id, own: &Own, books: impl FnOnce() -> Option<Books>) {
        // A rule is for a value that is set.
        if !own.is_set() {
            return;
        }
        self.bind(id, own);
        let (thp, before) = (self.thp, self.sysctl);
        self.thp = thp.merge(*own.thp());
        self.sysctl = self.sysctl.merge(*own.sysctl());
        self.overcommit_mode = match self.sysctl.get(vk_sysctl::Key::OvercommitMemory) {
            Some(Value::Int(mode)) => Mode::from_raw(mode),
            _ => None,
        };
        for key in Key::ALL {
            let is_new = match key {
                Key::Thp(key) => thp.get(key).is_none() && self.thp.get(key).is_some(),
                Key::Sysctl(key) => before.get(key).is_none() && self.sysctl.get(key).is_some(),
            };
            if !is_new {
                continue;
            }
            let at = key.index();
            if let (Some(source), Some(writable)) =
                (self.source.get_mut(at), self.writable.get_mut(at))
            {
                *source = Some(id);
                *writable = own.rule(key).inside == Inside::ReadWrite;
            }
        }
        if own.has_overcommit() {
            if self.books.is_none() {
                self.books = books().map(|books| (id, books));
            } else {
                self.is_surrounded = true;
            }
        }
        self.lone_mode = self.overcommit_mode.filter(|_| !self.is_surrounded);
    }

    /// Tells whether everything is the host's.
    pub fn is_host(&self) -> bool {
        self.thp.is_empty() && self.sysctl.is_empty() && self.books.is_none()
    }

    /// Brings what was decided below into the bounds of the namespace `id` around it.
    fn bind(&mut self, id: Id, own: &Own) {
        for key in Key::ALL {
            let (Key::Sysctl(name), true) = (key, self.counts(key)) else {
                continue;
            };
            let value = self.sysctl.get(name);
            let Some(bound) = value.and_then(|value| own.rule(key).nearest(value)) else {
                continue;
            };
            self.sysctl.set(name, bound);
            if let Some(source) = self.source.get_mut(key.index()) {
                *source = Some(id);
            }
        }
    }

    /// Tells whether the value of `key` is looked at: of ratio and kilobytes only one is.
    fn counts(&self, key: Key) -> bool {
        use vk_sysctl::Key as Sysctl;
        let has_kbytes = self.sysctl.overcommit_kbytes().unwrap_or(0) != 0;
        match key {
            Key::Sysctl(Sysctl::OvercommitRatio) => !has_kbytes,
            Key::Sysctl(Sysctl::OvercommitKbytes) => has_kbytes,
            _ => true,
        }
    }

    /// Returns the value of `key`, `None` for the host's.
    pub fn get(&self, key: Key) -> Option<Setting> {
        match key {
            Key::Thp(key) => self.thp.get(key).map(Setting::Thp),
            Key::Sysctl(key) => self.sysctl.get(key).map(Setting::Sysctl),
        }
    }

    /// Returns the value of a kernel parameter.
    #[inline]
    pub fn sysctl(&self, key: vk_sysctl::Key) -> Option<Value> {
        self.sysctl.get(key)
    }

    /// Returns the bits of the value of a kernel parameter.
    #[inline]
    pub fn sysctl_bits(&self, key: vk_sysctl::Key) -> Option<u64> {
        self.sysctl.bits(key)
    }

    /// Returns the policy of huge pages.
    #[inline]
    pub fn thp(&self) -> &vk_thp::Values {
        &self.thp
    }

    /// Tells whether the container may write `key`.
    pub fn is_writable(&self, key: Key) -> bool {
        self.writable.get(key.index()).copied().unwrap_or(false)
    }

    /// Returns where the value of `key` comes from.
    pub fn source(&self, key: Key) -> Source<Id> {
        match self.source.get(key.index()).copied().flatten() {
            Some(id) => Source::Namespace(id),
            None => Source::Host,
        }
    }

    /// Returns the nearest namespace with a commit policy, and its account.
    #[inline]
    pub fn books(&self) -> Option<(Id, &Books)> {
        self.books.as_ref().map(|(id, books)| (*id, books))
    }

    /// Returns the mode of the commit policy, `None` for the host's.
    #[inline]
    pub fn overcommit_mode(&self) -> Option<Mode> {
        self.overcommit_mode
    }

    /// Returns the mode of the commit policy if that alone decides: if it is not the host's, and no
    /// container with a commit policy of its own is around the one whose account is charged.
    #[inline]
    pub fn lone_mode(&self) -> Option<Mode> {
        self.lone_mode
    }

    /// Tells whether a container with a commit policy of its own is around the one whose account is
    /// charged, so that its account is charged too.
    pub fn is_surrounded(&self) -> bool {
        self.is_surrounded
    }

    /// Returns the commit policy, with the host's values for what is not set.
    pub fn overcommit(&self, host: Policy) -> Policy {
        use vk_sysctl::Key as Sysctl;
        // What the kernel has as an `int` and as `unsigned long`s.
        let int = |key| self.sysctl.bits(key).map(|bits| bits as u32 as i32);
        let ulong = |key| self.sysctl.bits(key);
        Policy {
            mode: self.overcommit_mode().unwrap_or(host.mode),
            ratio: int(Sysctl::OvercommitRatio).unwrap_or(host.ratio),
            kbytes: ulong(Sysctl::OvercommitKbytes).unwrap_or(host.kbytes),
        }
    }

    /// Returns what mode 2 keeps back, with the host's values for what is not set.
    pub fn reserves(&self, host: Reserves) -> Reserves {
        use vk_sysctl::Key as Sysctl;
        let pages = |key, host_pages| match self.sysctl.bits(key) {
            Some(kbytes) => Reserves::from_kbytes(kbytes, 0).admin_pages,
            None => host_pages,
        };
        Reserves {
            admin_pages: pages(Sysctl::AdminReserveKbytes, host.admin_pages),
            user_pages: pages(Sysctl::UserReserveKbytes, host.user_pages),
        }
    }
}

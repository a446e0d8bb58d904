//! The errors that the control device knows, by name and number.

use core::fmt;

macro_rules! errnos {
    ($($(#[$doc:meta])* $name:ident = $number:literal),* $(,)?) => {
        /// An error number of include/uapi/asm-generic/errno.h.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::upper_case_acronyms)]
        pub enum Errno {
            $($(#[$doc])* $name = $number,)*
        }

        impl Errno {
            /// Returns its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

errnos! {
    /// Not permitted.
    EPERM = 1,
    /// No such target.
    ESRCH = 3,
    /// No memory.
    ENOMEM = 12,
    /// In use.
    EBUSY = 16,
    /// The feature is refused on this kernel, or the hooks are out.
    ENODEV = 19,
    /// Not understood.
    EINVAL = 22,
    /// Out of the bounds the host set.
    ERANGE = 34,
    /// The request is too long.
    EMSGSIZE = 90,
    /// The verb is not served.
    EOPNOTSUPP = 95,
}

impl Errno {
    /// Returns the negative number, as the kernel returns it.
    pub const fn to_errno(self) -> i32 {
        (self as i32).wrapping_neg()
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! What mode 2 keeps back.

use crate::limit::pages_from_kbytes;

/// `vm.admin_reserve_kbytes` and `vm.user_reserve_kbytes`, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserves {
    /// Kept for those with CAP_SYS_ADMIN, so that they can log in and recover.
    #[doc(alias = "sysctl_admin_reserve_kbytes")]
    pub admin_pages: u64,
    /// Kept from the one process that grows, so that its owner can stop it.
    #[doc(alias = "sysctl_user_reserve_kbytes")]
    pub user_pages: u64,
}

impl Reserves {
    /// Converts the values of the two sysctls.
    pub const fn from_kbytes(admin_kbytes: u64, user_kbytes: u64) -> Self {
        Self {
            admin_pages: pages_from_kbytes(admin_kbytes),
            user_pages: pages_from_kbytes(user_kbytes),
        }
    }
}

impl Default for Reserves {
    /// Returns what the kernel is built with: 8 MiB and 128 MiB.
    fn default() -> Self {
        Self::from_kbytes(1 << 13, 1 << 17)
    }
}

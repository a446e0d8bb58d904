//! One call of `__vm_enough_memory()`.

/// What the kernel asks to charge, and for whom.
#[doc(alias = "__vm_enough_memory")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The pages asked for.
    pub pages: i64,
    /// Whether the asking task has CAP_SYS_ADMIN over its container, that is in the user
    /// namespace that owns the container's pid namespace.
    pub cap_sys_admin: bool,
    /// `mm->total_vm`, or `None` where the kernel passes no mm.
    pub mm_total_vm_pages: Option<u64>,
}

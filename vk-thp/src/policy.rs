//! What one container has to say about anonymous memory.

use crate::{decide, Asker, Enabled, OrderMode, Orders, Request, Switch};

/// A container's policy for anonymous memory.
///
/// # Examples
///
/// The container wants huge pages where the host has none, but not from khugepaged:
///
/// ```
/// use vk_thp::{
///     Asker, Enabled, OrderMode, Orders, Policy, Request, Switch, ThpDisable, VmaFlags,
/// };
///
/// let policy = Policy { enabled: OrderMode::Always, khugepaged: Switch::Off };
/// let host = Enabled::Never;
/// let request = |process, asker| Request {
///     vma: VmaFlags::empty(),
///     process,
///     asker,
///     orders: Orders::PMD,
/// };
///
/// let fault = request(ThpDisable::Unset, Asker::PageFault);
/// assert_eq!(policy.allowable(host, &fault), Orders::PMD);
/// let scan = request(ThpDisable::Unset, Asker::Khugepaged);
/// assert!(policy.allowable(host, &scan).is_empty());
/// // The program's own word stands above any policy.
/// let disabled = request(ThpDisable::Completely, Asker::PageFault);
/// assert!(policy.allowable(host, &disabled).is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// `enabled`, for pages of PMD order.
    pub enabled: OrderMode,
    /// Whether khugepaged may collapse the container's memory, into pages of any order.
    ///
    /// No file of the kernel's says this for a part of the machine; its khugepaged runs while any
    /// `enabled` is not `never`.
    pub khugepaged: Switch,
}

impl Policy {
    /// A container that leaves everything to the host.
    pub const INHERIT: Self = Self {
        enabled: OrderMode::Inherit,
        khugepaged: Switch::On,
    };

    /// Returns the orders that an anonymous VMA may have, while the host's policy is `host`.
    ///
    /// In the kernel's order, the first that says no decides:
    ///
    /// 1. Anonymous memory has no pages of this order.
    /// 2. The program forbade it: [`ThpDisable::forbids`](crate::ThpDisable::forbids).
    /// 3. khugepaged asks, and the container does not want it.
    /// 4. `enabled` denies the PMD order: [`decide`]. [`Asker::ForcedCollapse`] is not asked this.
    ///
    /// Never more than [`Request::orders`]. The result still has to pass
    /// `__thp_vma_allowable_orders()`, which knows hardware, alignment and special VMAs.
    ///
    /// Context: any; it takes no lock and does not sleep.
    #[doc(alias = "__thp_vma_allowable_orders")]
    pub const fn allowable(&self, host: Enabled, request: &Request) -> Orders {
        let Request {
            vma,
            process,
            asker,
            orders,
        } = *request;
        if process.forbids(vma, asker) || self.is_left_alone_by(asker) {
            return Orders::empty();
        }
        let asked = orders.intersection(Orders::ALL_ANON);
        decide(self.enabled.effective(host), vma, asker, asked)
    }

    const fn is_left_alone_by(&self, asker: Asker) -> bool {
        matches!(asker, Asker::Khugepaged) && !self.khugepaged.is_on()
    }
}

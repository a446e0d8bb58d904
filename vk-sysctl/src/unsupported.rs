//! Parameters that no container can have for itself, each with its reason.

use crate::entry::Place;
use crate::namespaced::covers;

/// A parameter, or all whose names begin alike, that is refused by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// The name as sysctl(8) spells it; one that ends in `.` or `_` stands for all that begin with
    /// it.
    pub name: &'static str,
    /// Why, as the end of a sentence: lower case, no full stop.
    pub reason: &'static str,
    /// Where the kernel shows it, in 7.2.12: the place that decides, or the table.
    pub place: Place,
}

/// The parameters that are refused by name.
#[rustfmt::skip]
pub const UNSUPPORTED: &[Unsupported] = &[
    row("fs.aio-max-nr", "requests of all processes are one pool for the machine", "fs/aio.c", 247),
    row("fs.epoll.max_user_watches", "watches are counted per user of the host", "fs/eventpoll.c", 528),
    row("kernel.core_pattern", "the helper runs as the host's root", "fs/coredump.c", 1508),
    row("kernel.keys.", "keys are counted per user of the host", "security/keys/sysctl.c", 12),
    row("kernel.randomize_va_space", "it is a hardening knob that exec reads inline", "fs/binfmt_elf.c", 1020),
    row("net.core.bpf_jit_", "there is one BPF compiler for the machine", "net/core/sysctl_net_core.c", 486),
    row("net.core.busy_poll", "poll, select, epoll and io_uring read it inline; SO_BUSY_POLL is per socket", "include/net/busy_poll.h", 42),
    row("net.core.busy_read", "it is one value for the machine; SO_BUSY_POLL is per socket", "net/core/sock.c", 3802),
    row("net.core.dev_weight", PACKETS, "net/core/sysctl_net_core.c", 440),
    row("net.core.dev_weight_rx_bias", PACKETS, "net/core/sysctl_net_core.c", 448),
    row("net.core.dev_weight_tx_bias", PACKETS, "net/core/sysctl_net_core.c", 456),
    row("net.core.default_qdisc", INITIAL, "net/core/sysctl_net_core.c", 592),
    row("net.core.devconf_inherit_init_net", INITIAL, "net/core/sysctl_net_core.c", 639),
    row("net.core.fb_tunnels_only_for_init_net", INITIAL, "net/core/sysctl_net_core.c", 630),
    row("net.core.flow_limit_cpu_bitmap", PACKETS, "net/core/sysctl_net_core.c", 560),
    row("net.core.flow_limit_table_len", PACKETS, "net/core/sysctl_net_core.c", 565),
    row("net.core.gro_normal_batch", PACKETS, "net/core/sysctl_net_core.c", 655),
    row("net.core.high_order_alloc_disable", INITIAL, "net/core/sysctl_net_core.c", 648),
    row("net.core.max_skb_frags", PACKETS, "net/core/sysctl_net_core.c", 613),
    row("net.core.mem_pcpu_rsv", INITIAL, "net/core/sysctl_net_core.c", 432),
    row("net.core.message_burst", INITIAL, "net/core/sysctl_net_core.c", 544),
    row("net.core.message_cost", INITIAL, "net/core/sysctl_net_core.c", 537),
    row("net.core.netdev_budget", PACKETS, "net/core/sysctl_net_core.c", 599),
    row("net.core.netdev_budget_usecs", PACKETS, "net/core/sysctl_net_core.c", 622),
    row("net.core.netdev_max_backlog", PACKETS, "net/core/sysctl_net_core.c", 464),
    row("net.core.netdev_rss_key", INITIAL, "net/core/sysctl_net_core.c", 478),
    row("net.core.netdev_tstamp_prequeue", PACKETS, "net/core/sysctl_net_core.c", 530),
    row("net.core.netdev_unregister_timeout_secs", INITIAL, "net/core/sysctl_net_core.c", 663),
    row("net.core.qdisc_max_burst", PACKETS, "net/core/sysctl_net_core.c", 471),
    row("net.core.rmem_default", READ_ONLY, "net/core/sysctl_net_core.c", 768),
    row("net.core.rmem_max", READ_ONLY, "net/core/sysctl_net_core.c", 752),
    row("net.core.rps_sock_flow_entries", PACKETS, "net/core/sysctl_net_core.c", 552),
    row("net.core.skb_defer_max", PACKETS, "net/core/sysctl_net_core.c", 672),
    row("net.core.warnings", INITIAL, "net/core/sysctl_net_core.c", 606),
    row("net.core.wmem_default", READ_ONLY, "net/core/sysctl_net_core.c", 760),
    row("net.core.wmem_max", READ_ONLY, "net/core/sysctl_net_core.c", 744),
    row("net.ipv4.cipso_cache_bucket_size", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 584),
    row("net.ipv4.cipso_cache_enable", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 577),
    row("net.ipv4.cipso_rbm_optfmt", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 591),
    row("net.ipv4.cipso_rbm_strictvalid", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 598),
    row("net.ipv4.fib_sync_mem", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 619),
    row("net.ipv4.inet_peer_maxttl", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 555),
    row("net.ipv4.inet_peer_minttl", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 548),
    row("net.ipv4.inet_peer_threshold", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 541),
    row("net.ipv4.tcp_available_ulp", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 606),
    row("net.ipv4.tcp_low_latency", INITIAL, "net/ipv4/sysctl_net_ipv4.c", 569),
    row("net.ipv4.tcp_max_orphans", POOL, "net/ipv4/sysctl_net_ipv4.c", 534),
    row("net.ipv4.tcp_mem", POOL, "net/ipv4/sysctl_net_ipv4.c", 562),
    row("net.ipv4.udp_mem", POOL, "net/ipv4/sysctl_net_ipv4.c", 612),
    row("net.netfilter.nf_conntrack_max", CONNTRACK, "net/netfilter/nf_conntrack_core.c", 1663),
    row("net.nf_conntrack_max", CONNTRACK, "net/netfilter/nf_conntrack_core.c", 1663),
    row("vm.dirty_", "writeback is throttled for the machine", "mm/page-writeback.c", 2242),
    row("vm.swappiness", "cgroup v2 has one for all groups, and reclaim has no task to go by", "include/linux/swap.h", 544),
];

const INITIAL: &str = "it is one value, kept in the host's net namespace";
const PACKETS: &str = "packets are handled per CPU, for all net namespaces at once";
const POOL: &str = "memory and sockets of all net namespaces are one pool";
const READ_ONLY: &str = "it is one value, and read-only in other net namespaces";
const CONNTRACK: &str =
    "entries are counted per net namespace as packets come in, when no task of the container runs";

impl Unsupported {
    /// Returns the row of the parameter that sysctl(8) calls `name`.
    pub fn from_name(name: &[u8]) -> Option<&'static Self> {
        UNSUPPORTED.iter().find(|row| covers(row.name, name))
    }
}

const fn row(
    name: &'static str,
    reason: &'static str,
    file: &'static str,
    line: u32,
) -> Unsupported {
    Unsupported {
        name,
        reason,
        place: Place { file, line },
    }
}

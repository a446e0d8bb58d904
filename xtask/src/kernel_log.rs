//! The words by which the kernel log tells that something is wrong.

/// Parts of lines that no run of ours may bring about.
const ALARMS: &[&str] = &[
    "WARNING: ",
    "BUG: ",
    "kernel BUG at",
    "Oops",
    "KASAN:",
    "UBSAN:",
    "general protection fault",
    "Unable to handle",
    "unable to handle",
    "refcount_t:",
    "suspicious RCU usage",
    "possible circular locking",
    "possible recursive locking",
    "inconsistent lock state",
    "rcu_preempt detected stalls",
    "rcu_tasks detected stalls",
    "rcu_sched self-detected stall",
    "rcu_preempt self-detected stall",
    "blocked for more than",
    "soft lockup",
    "hard LOCKUP",
    "scheduling while atomic",
    "sleeping function called from invalid context",
    "unreferenced object",
    "new suspected memory leaks",
    "Kernel panic",
    "stack segment",
    "Missing ENDBR",
];

/// Returns the first part of `line` that is an alarm.
pub fn alarm(line: &str) -> Option<&'static str> {
    ALARMS.iter().copied().find(|alarm| line.contains(alarm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_kernels_alarms() {
        let warning = "WARNING: CPU: 1 PID: 77 at kernel/trace/ftrace.c:2200 ftrace_bug+0x1/0x2";
        assert_eq!(alarm(warning), Some("WARNING: "));
        let null = "BUG: kernel NULL pointer dereference, address: 0000000000000008";
        assert!(alarm(null).is_some());
        assert_eq!(alarm("vkernel: armed"), None);
        assert_eq!(alarm("__vm_enough_memory: pid: 7, comm: x"), None);
    }
}

//! Whoever else has a say in kernel parameters: BPF programs, security modules.

use super::common::{Three, MAX_MAP_COUNT};
use crate::bpf::{guards_sysctls, Guard};
use crate::cgroup::Cgroup;
use crate::problem::{expect, expect_eq, skip, Outcome};
use crate::scout::Order;
use crate::setting::read;

/// A value of its own that the container may write.
const OWN: [(&str, &str); 2] = [
    ("vm.max_map_count", "70000"),
    ("vm.max_map_count.inside", "rw"),
];

/// What a scout reads, or the number of the error.
fn seen(of: &mut crate::scout::Scout) -> anyhow::Result<Result<String, i32>> {
    let report = of.order(&Order::Read(MAX_MAP_COUNT.to_owned()))?;
    Ok(report.map(|text| text.trim().to_owned()))
}

pub(super) fn bpf_programs_for_kernel_parameters_have_their_say() -> Outcome {
    let cgroup = Cgroup::make("vk-limits")?;
    let mut three = Three::send(&OWN)?;
    let host = read(MAX_MAP_COUNT)?;
    expect(!host.starts_with('7'), &host, "another digit at first")?;
    cgroup.takes(three.ours.pid()?)?;
    cgroup.takes(three.neighbour.pid()?)?;
    let refusal = Err(libc::EPERM);
    {
        let _guard = guards_sysctls(cgroup.opened()?, Guard::Refuses)?;
        let refused = three.ours.write(MAX_MAP_COUNT, "71000")?;
        expect_eq("a write", refused.as_deref(), Some("EPERM"))?;
        expect_eq("a read", seen(&mut three.ours)?, refusal.clone())?;
        expect_eq("of the host", seen(&mut three.host)?, Ok(host.clone()))?;
    }
    expect_eq("the value", seen(&mut three.ours)?, Ok("70000".to_owned()))?;
    {
        let _guard = guards_sysctls(cgroup.opened()?, Guard::Writes(*b"7100"))?;
        let refused = three.ours.write(MAX_MAP_COUNT, "72000")?;
        expect_eq("a write of another value", refused, None)?;
        expect_eq("the value", seen(&mut three.ours)?, Ok("7100".to_owned()))?;
    }
    {
        // It is shown the value that whoever asks would see.
        let _guard = guards_sysctls(cgroup.opened()?, Guard::AllowsIf(b'7'))?;
        expect_eq("the value", seen(&mut three.ours)?, Ok("7100".to_owned()))?;
        expect_eq("next to it", seen(&mut three.neighbour)?, refusal)?;
    }
    expect_eq("the host's", read(MAX_MAP_COUNT)?, host)
}

/// Landlock, as the others, is asked when the file is opened.
pub(super) fn security_modules_have_their_say() -> Outcome {
    if !read("/proc/kallsyms")?.contains(" landlock_blob_sizes") {
        return skip("this kernel has no Landlock");
    }
    let mut three = Three::send(&OWN)?;
    expect_eq("a write", three.ours.write(MAX_MAP_COUNT, "71000")?, None)?;
    three.ours.does(&Order::Confine { reads: false })?;
    let refused = three.ours.write(MAX_MAP_COUNT, "72000")?;
    expect_eq("a write", refused.as_deref(), Some("EACCES"))?;
    expect_eq("the value", seen(&mut three.ours)?, Ok("71000".to_owned()))?;
    three.ours.does(&Order::Confine { reads: true })?;
    expect_eq("a read", seen(&mut three.ours)?, Err(libc::EACCES))
}

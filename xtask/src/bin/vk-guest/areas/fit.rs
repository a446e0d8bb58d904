//! The module arms only in the kernel that it was built for, or one that is the same where it matters.
//!
//! Another kernel is played by a module that is made to believe so: a copy with one bit changed.

use std::fs;

use anyhow::{ensure, Context, Result};
use memchr::memmem;
use vk_ffi_shims::btf::Btf;
use vk_ffi_shims::build::BuildId;

use crate::area::{checks, Area, Module};
use crate::device;
use crate::module;
use crate::problem::{expect, expect_contains, skip, Outcome};
use crate::program;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "fit",
    module: Module::Out,
    checks: checks![
        arms_in_the_kernel_it_was_built_for,
        arms_nothing_in_another_build,
        an_arm_request_is_told_why,
        allow_btf_takes_another_build_with_the_same_types,
        allow_btf_refuses_another_structure,
        allow_btf_refuses_another_prototype,
    ],
};

/// Where the copy of the module is.
const COPY: &str = "/tmp/vkernel-of-another-kernel.ko";

/// The types of the running kernel.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// The module, while it is loaded.
struct Loaded;

impl Loaded {
    fn new(object: &str, parameters: &[&str]) -> Result<Self> {
        let words = [&["insmod", object][..], parameters].concat();
        program::output(&words)?;
        Ok(Self)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // The next check says so if it did not go.
        let _ = module::unload();
    }
}

/// Writes a copy of the module with one bit of each of `places` changed.
fn change(places: &[&[u8]]) -> Result<()> {
    let mut object = fs::read("/vk/vkernel.ko").context("no module in the payload")?;
    for wanted in places {
        let found: Vec<usize> = memmem::find_iter(&object, wanted).collect();
        ensure!(
            found.len() == 1,
            "{} places in the module, expected one",
            found.len()
        );
        object[found[0]] ^= 1;
    }
    fs::write(COPY, object).with_context(|| format!("cannot write {COPY}"))
}

fn build_id() -> Result<BuildId> {
    let notes = fs::read("/sys/kernel/notes")?;
    BuildId::in_notes(&notes).context("the kernel has no build-id")
}

/// Returns the signature that the record has of a type of the running kernel.
fn signature(name: &str) -> Result<[u8; 8]> {
    let bytes = fs::read(BTF)?;
    let mut index = vec![0; 1 << 16];
    let btf = Btf::parse(&bytes, &mut index)?;
    let signature = btf
        .signature(name)?
        .with_context(|| format!("no type of {name}"))?;
    Ok(signature.to_le_bytes())
}

/// Expects every feature to be refused for a reason with `part` in it, and no hook to be planned.
fn expect_nothing_armed(part: &str) -> Outcome {
    let features = device::ask("features", "", &[])?;
    for line in &features.lines {
        expect_contains("a feature", line, "refused")?;
        expect_contains("a feature's reason", line, part)?;
    }
    let hooks = device::ask("hooks", "", &[])?;
    let all = features.lines.iter().chain(&hooks.lines);
    let armed = all.filter(|line| line.contains("state=armed") || line.contains("state=planned"));
    let armed: Vec<&String> = armed.collect();
    expect(
        armed.is_empty() && !features.lines.is_empty() && !hooks.lines.is_empty(),
        format!(
            "{} features, of {} hooks these: {armed:?}",
            features.lines.len(),
            hooks.lines.len()
        ),
        "some of each, and none planned or armed",
    )
}

fn expect_armed() -> Outcome {
    let hooks = device::ask("hooks", "", &[])?;
    let line = hooks
        .lines
        .iter()
        .find(|line| line.contains("wake_up_new_task"));
    expect_contains("the birth hook", line.map_or("", String::as_str), "armed")
}

fn arms_in_the_kernel_it_was_built_for() -> Outcome {
    let _module = Loaded::new("/vk/vkernel.ko", &[])?;
    expect_armed()
}

fn arms_nothing_in_another_build() -> Outcome {
    change(&[build_id()?.bytes()])?;
    let _module = Loaded::new(COPY, &[])?;
    expect_nothing_armed("built for another kernel")
}

fn an_arm_request_is_told_why() -> Outcome {
    change(&[build_id()?.bytes()])?;
    let _module = Loaded::new(COPY, &["armed=0"])?;
    let answer = device::ask("arm", "", &[])?;
    expect_contains("the answer", &answer.head, "ENODEV")?;
    expect_contains("the answer", &answer.head, "built for another kernel")
}

/// The debug kernel has none, so `allow=btf` cannot take it for another.
fn needs_btf() -> Outcome {
    match fs::exists(BTF)? {
        true => Ok(()),
        false => skip("this kernel has no BTF"),
    }
}

fn allow_btf_takes_another_build_with_the_same_types() -> Outcome {
    needs_btf()?;
    change(&[build_id()?.bytes()])?;
    let _module = Loaded::new(COPY, &["allow=btf"])?;
    expect_armed()
}

fn allow_btf_refuses_another_structure() -> Outcome {
    needs_btf()?;
    let name = "struct pid_namespace";
    change(&[build_id()?.bytes(), &signature(name)?])?;
    let _module = Loaded::new(COPY, &["allow=btf"])?;
    expect_nothing_armed(name)
}

fn allow_btf_refuses_another_prototype() -> Outcome {
    needs_btf()?;
    let name = "__vm_enough_memory";
    change(&[build_id()?.bytes(), &signature(name)?])?;
    let _module = Loaded::new(COPY, &["allow=btf"])?;
    expect_nothing_armed(name)
}

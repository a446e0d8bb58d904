//! Whether guests can run on the host's processor: found out by booting one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::cache::{self, Cache};
use crate::command::Command;
use crate::image::Image;
use crate::qemu::{Accel, Machine};
use crate::step::step;

/// How long a guest on the host's processor may take to its first program.
const LIMIT: Duration = Duration::from_secs(10);

/// What the probe's first program says.
const SIGN: &str = "vk probe: booted";

/// Returns how guests run here, from the cache if it was tried on this host before.
///
/// # Errors
///
/// The answer cannot be kept.
pub(crate) fn choose(cache: &Cache, image: &Image) -> Result<Accel> {
    let qemu = Command::new("qemu-system-x86_64").arg("--version");
    let host = fs::read_to_string("/proc/version")?;
    let answer = cache.entry(&format!("accel-{}", cache::key([qemu.output()?, host])));
    match fs::read_to_string(&answer).as_deref() {
        Ok("kvm") => return Ok(Accel::Kvm),
        Ok("tcg") => return Ok(Accel::Tcg),
        _ => {}
    }
    step(
        &cache.logs(),
        "virtualisation",
        "look at /dev/kvm",
        |step| {
            let console = cache.logs().join("probe-console.log");
            let (accel, word) = match boots_on_kvm(image, &console) {
                true => (Accel::Kvm, "kvm"),
                false => (Accel::Tcg, "tcg"),
            };
            step.notes(word);
            fs::write(&answer, word)?;
            Ok(accel)
        },
    )
}

fn boots_on_kvm(image: &Image, console: &Path) -> bool {
    if !Path::new("/dev/kvm").exists() {
        return false;
    }
    let machine = Machine {
        kernel: image.kernel.clone(),
        initramfs: image.initramfs.clone(),
        disk: None,
        append: "rdinit=/probe".to_owned(),
        memory_mib: 512,
        cpus: 1,
        accel: Accel::Kvm,
    };
    // A machine that cannot even be started says as much as one that does not boot.
    let _ = machine.run(console, LIMIT, |_| {});
    fs::read(console).is_ok_and(|log| String::from_utf8_lossy(&log).contains(SIGN))
}

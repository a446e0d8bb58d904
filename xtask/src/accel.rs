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
    let qemu = qemu.output()?;
    let translation = translation(&qemu);
    let host = fs::read_to_string("/proc/version")?;
    let answer = cache.entry(&format!("accel-{}", cache::key([qemu, host])));
    match fs::read_to_string(&answer).as_deref() {
        Ok("kvm") => return Ok(Accel::Kvm),
        Ok("tcg") => return Ok(translation),
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
                false => (translation, "tcg"),
            };
            step.notes(word);
            fs::write(&answer, word)?;
            Ok(accel)
        },
    )
}

/// Returns how guests are translated by the QEMU that says `version` of itself.
///
/// Before 8.1, a processor that translates code while another changes it may keep what it read
/// for ever: kernels that change their own code die of `int3`, ftrace alone being enough.
fn translation(version: &str) -> Accel {
    const FIRST_GOOD: (u32, u32) = (8, 1);
    match number(version) {
        Some(number) if number >= FIRST_GOOD => Accel::Tcg,
        _ => Accel::TcgInTurn,
    }
}

/// Reads `QEMU emulator version 7.2.22 (Debian ...)`.
fn number(version: &str) -> Option<(u32, u32)> {
    let number = version.split_once("version ")?.1;
    let mut parts = number.split(['.', ' ']);
    let mut next = || parts.next()?.parse().ok();
    Some((next()?, next()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_qemu_translates_for_one_processor_at_a_time() {
        let of = |number| translation(&format!("QEMU emulator version {number} (Debian 1)"));
        assert_eq!(of("7.2.22"), Accel::TcgInTurn);
        assert_eq!(of("8.0.4"), Accel::TcgInTurn);
        assert_eq!(of("8.1.0"), Accel::Tcg);
        assert_eq!(of("10.0.2"), Accel::Tcg);
        assert_eq!(translation("something else"), Accel::TcgInTurn);
    }
}

//! The guest: a Debian testing with container runtimes and data bases, as a disk image.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache::{self, Cache};
use crate::command::Command;
use crate::cpio::Archive;
use crate::host;
use crate::release::Release;
use crate::root::{self, Root, SUITE};
use crate::step::{step, Step};

/// What runs in the guest.
const PACKAGES: &[&str] = &[
    "bash",
    "busybox-static",
    "crun",
    "default-jre-headless",
    "iproute2",
    "kmod",
    "less",
    "mariadb-server",
    "postgresql",
    "procps",
    "redis-server",
    "redis-tools",
    "runc",
    "strace",
    "sysbench",
    "util-linux",
];

/// The image's size: most of it is never written.
const SIZE: &str = "4G";

/// Counts the changes of this recipe, so that an old result is not reused.
const RECIPE: &str = "3";

/// The drivers that the guest's first program loads to reach its disk.
const BOOT_MODULES: &[&str] = &["kernel/drivers/block/virtio_blk.ko"];

/// A guest that can be booted.
#[derive(Clone)]
pub(crate) struct Image {
    /// The stock kernel.
    pub(crate) kernel: PathBuf,
    /// Its initramfs, less the payload.
    pub(crate) initramfs: PathBuf,
    /// An initramfs without drivers, for kernels that have them built in.
    pub(crate) plain_initramfs: PathBuf,
    /// The root file system.
    pub(crate) disk: PathBuf,
}

impl Image {
    /// Makes the guest of `release`, or takes the one in the cache.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn prepare(cache: &Cache, root: &Root, release: &Release) -> Result<Self> {
        let advice = "check that the host's package archive can be reached";
        step(&cache.logs(), "guest", advice, |step| {
            let init = include_str!("init.sh");
            let parts = [SUITE, SIZE, RECIPE, init, &release.package_version];
            let key = cache::key(parts.into_iter().chain(PACKAGES.iter().copied()));
            let dir = cache.entry(&format!("guest-{}-{key}", release.name));
            let lock = cache.lock("guest")?;
            if cache::is_complete(&dir) {
                step.notes("cached");
            } else {
                host::require_root("making the guest")?;
                build(step, root, release, &dir)?;
            }
            drop(lock);
            Ok(Self {
                kernel: dir.join("vmlinuz"),
                initramfs: dir.join("initramfs"),
                plain_initramfs: dir.join("plain-initramfs"),
                disk: dir.join("disk"),
            })
        })
    }
}

fn build(step: &Step, root: &Root, release: &Release, dir: &Path) -> Result<()> {
    cache::make_empty(dir)?;
    let tree = dir.join("tree");
    root::bootstrap(step, &tree, PACKAGES)?;
    add_mariadb_tables(step, &tree)?;
    add_modules(step, root, release, &tree)?;
    fs::create_dir(tree.join("vk"))?;
    // Whatever the host's resolver is, the guest has no network.
    fs::write(tree.join("etc/resolv.conf"), "")?;
    Command::new("mke2fs")
        .args(["-q", "-t", "ext4", "-O", "^has_journal", "-d"])
        .args([tree.as_path(), &dir.join("disk")])
        .arg(SIZE)
        .run(step)?;
    let modules = boot_modules(root, release)?;
    fs::write(dir.join("initramfs"), initramfs(&tree, &modules)?)?;
    fs::write(dir.join("plain-initramfs"), initramfs(&tree, &[])?)?;
    let kernel = root.path(&format!("boot/vmlinuz-{}", release.name));
    fs::copy(&kernel, dir.join("vmlinuz"))
        .with_context(|| format!("cannot copy {}", kernel.display()))?;
    cache::remove_dir(&tree)?;
    cache::complete(dir)
}

/// Makes the system tables that mariadbd does not start without: its package leaves that to a service.
fn add_mariadb_tables(step: &Step, tree: &Path) -> Result<()> {
    let install = Command::new("chroot").arg(tree).arg("mariadb-install-db");
    let options = ["--no-defaults", "--user=mysql", "--datadir=/var/lib/mysql"];
    let install = install.args(options).arg("--skip-test-db");
    // A small redo log: each container that runs mariadbd copies it.
    install.arg("--innodb-log-file-size=8M").run(step)
}

fn add_modules(step: &Step, root: &Root, release: &Release, tree: &Path) -> Result<()> {
    let from = root.path(&format!("usr/lib/modules/{}", release.name));
    let to = tree.join("usr/lib/modules");
    fs::create_dir_all(&to)?;
    let copy = Command::new("cp").arg("-a").args([from, to]);
    copy.run(step)
}

/// Returns the drivers of the boot, by name and content.
fn boot_modules(root: &Root, release: &Release) -> Result<Vec<(String, Vec<u8>)>> {
    let mut modules = Vec::new();
    for module in BOOT_MODULES {
        let path = format!("/usr/lib/modules/{}/{module}", release.name);
        let name = module.rsplit('/').next().unwrap_or(module);
        if let Some(content) = module_content(root, &path)? {
            modules.push((name.to_owned(), content));
        }
    }
    Ok(modules)
}

/// Reads a module that may be compressed; none if the kernel has it built in.
fn module_content(root: &Root, path: &str) -> Result<Option<Vec<u8>>> {
    for (suffix, program) in [("", "cat"), (".xz", "xzcat"), (".zst", "zstdcat")] {
        let file = format!("{path}{suffix}");
        if root.path(&file).exists() {
            let read = root.command(program, Path::new("/"))?.arg(file);
            return Ok(Some(read.bytes()?));
        }
    }
    Ok(None)
}

/// Writes the first file system of the guest.
fn initramfs(tree: &Path, modules: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let busybox = fs::read(tree.join("usr/bin/busybox")).context("the guest has no busybox")?;
    let mut archive = Archive::default();
    for dir in ["bin", "dev", "modules", "payload", "root"] {
        archive.dir(dir);
    }
    archive.device("dev/console", 5, 1);
    archive.device("dev/null", 1, 3);
    archive.program("bin/busybox", &busybox);
    archive.program("init", include_bytes!("init.sh"));
    archive.program("probe", include_bytes!("probe.sh"));
    for (name, content) in modules {
        archive.file(&format!("modules/{name}"), content);
    }
    Ok(archive.finish())
}

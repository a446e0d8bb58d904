//! Modules of others beside ours: a kprobe, a live patch.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, ensure, Context, Result};

use crate::container::wait_until;
use crate::program;

/// How long a live patch may take to be in or out for every task.
const LIMIT: Duration = Duration::from_secs(60);

/// A kprobe; it is taken off when it is let go.
#[derive(Debug)]
pub(crate) struct Probe(());

/// Somebody who overwrites a hook; what was there comes back when it is let go.
#[derive(Debug)]
pub(crate) struct Vandal(());

/// Somebody who unwinds from whatever reads a word of data; it stops when it is let go.
#[derive(Debug)]
pub(crate) struct Watch(());

/// A live patch; it is taken off when it is let go.
#[derive(Debug)]
pub(crate) struct Patch {
    module: &'static str,
}

/// Why a module was not loaded, in the words of insmod.
pub(crate) type Refused = String;

impl Probe {
    const NAME: &'static str = "vk_probe";

    /// Puts one on `symbol`, `offset` bytes behind its beginning.
    ///
    /// # Errors
    ///
    /// The inner error is the kernel's refusal.
    pub(crate) fn put(symbol: &str, offset: u32, post: bool) -> Result<Result<Self, Refused>> {
        let words = [
            format!("symbol={symbol}"),
            format!("offset={offset}"),
            format!("post={}", u8::from(post)),
        ];
        Ok(insert(Self::NAME, &words)?.map(Self))
    }

    /// Returns how often it was hit.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub(crate) fn hits(&self) -> Result<u64> {
        let path = format!("/sys/module/{}/parameters/hits", Self::NAME);
        Ok(fs::read_to_string(path)?.trim().parse()?)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        remove(Self::NAME);
    }
}

impl Vandal {
    const NAME: &'static str = "vk_vandal";

    /// Lets one loose on the hook of `symbol`.
    ///
    /// # Errors
    ///
    /// There is no hook, or the kernel refuses.
    pub(crate) fn put(symbol: &str) -> Result<Self> {
        let put = insert(Self::NAME, &[format!("symbol={symbol}")])?;
        put.map(|()| Self(())).map_err(|why| anyhow!(why))
    }
}

impl Drop for Vandal {
    fn drop(&mut self) {
        remove(Self::NAME);
    }
}

impl Watch {
    const NAME: &'static str = "vk_watch";

    /// Watches who reads the word at `data` from code in `from`.
    ///
    /// # Errors
    ///
    /// The kernel has no debug register for it.
    pub(crate) fn put(data: u64, from: Range<u64>) -> Result<Self> {
        let words = [
            format!("data={data:#x}"),
            format!("from={:#x}", from.start),
            format!("to={:#x}", from.end),
        ];
        let put = insert(Self::NAME, &words)?;
        put.map(|()| Self(())).map_err(|why| anyhow!(why))
    }

    /// Returns how many frames were found beyond the last reader, and whether the unwinder vouched for
    /// them; `None` if there was no reader.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub(crate) fn seen(&self) -> Result<Option<(u32, bool)>> {
        let read = |name: &str| -> Result<String> {
            let path = format!("/sys/module/{}/parameters/{name}", Self::NAME);
            Ok(fs::read_to_string(path)?.trim().to_owned())
        };
        let frames = read("frames")?.parse()?;
        let is_certain = read("is_certain")? == "Y";
        Ok((read("hits")? != "0").then_some((frames, is_certain)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        remove(Self::NAME);
    }
}

impl Patch {
    /// What `/proc/cmdline` is while it is patched.
    pub(crate) const CMDLINE: &'static str = "patched";

    /// Lets `vm_commit_limit()` answer `pages`.
    ///
    /// # Errors
    ///
    /// The inner error is the kernel's refusal.
    pub(crate) fn of_commit_limit(pages: u64) -> Result<Result<Self, Refused>> {
        Self::put("vk_livepatch", &[format!("limit_pages={pages}")])
    }

    /// Lets `/proc/cmdline` be [`Self::CMDLINE`], which is nobody else's business.
    ///
    /// # Errors
    ///
    /// The inner error is the kernel's refusal.
    pub(crate) fn of_cmdline() -> Result<Result<Self, Refused>> {
        Self::put("vk_livepatch", &[])
    }

    /// Lets `security_vkbench()` answer what our hook answers.
    ///
    /// # Errors
    ///
    /// The inner error is the kernel's refusal.
    pub(crate) fn of_vkbench() -> Result<Result<Self, Refused>> {
        Self::put("vk_benchpatch", &[])
    }

    /// Tells whether the kernel has it on.
    ///
    /// # Errors
    ///
    /// The kernel does not tell.
    pub(crate) fn is_enabled(&self) -> Result<bool> {
        Ok(fs::read_to_string(self.file("enabled"))?.trim() == "1")
    }

    /// Puts it on, and waits until every task has it.
    fn put(module: &'static str, parameters: &[String]) -> Result<Result<Self, Refused>> {
        if let Err(refused) = insert(module, parameters)? {
            return Ok(Err(refused));
        }
        let patch = Self { module };
        let transition = patch.file("transition");
        wait_for("the live patch to be in", || {
            fs::read_to_string(&transition).is_ok_and(|text| text.trim() == "0")
        })?;
        Ok(Ok(patch))
    }

    fn takes_off(&self) -> Result<()> {
        let enabled = self.file("enabled");
        fs::write(&enabled, "0").context(enabled)?;
        wait_for("the live patch to be out", || {
            !Path::new(&self.file("")).exists()
        })?;
        // The directory goes before the module may.
        wait_for("the live patch's module to go", || {
            program::run(&["rmmod", self.module]).is_ok_and(|it| it.status == 0)
        })
    }

    fn file(&self, name: &str) -> String {
        format!("/sys/kernel/livepatch/{}/{name}", self.module)
    }
}

impl Drop for Patch {
    fn drop(&mut self) {
        if let Err(error) = self.takes_off() {
            eprintln!("vk-guest: {error:#}");
        }
    }
}

fn insert(name: &str, parameters: &[String]) -> Result<Result<(), Refused>> {
    let path = format!("/vk/{name}.ko");
    ensure!(Path::new(&path).exists(), "no {path}");
    let mut words = vec!["insmod".to_owned(), path];
    words.extend_from_slice(parameters);
    let output = program::run(&words)?;
    Ok(match output.status {
        0 => Ok(()),
        _ => Err(output.stderr.trim().to_owned()),
    })
}

fn remove(name: &str) {
    if let Err(error) = program::output(&["rmmod", name]) {
        eprintln!("vk-guest: {error:#}");
    }
}

fn wait_for(what: &str, holds: impl FnMut() -> bool) -> Result<()> {
    ensure!(
        wait_until(LIMIT, holds),
        "waited {} s for {what}",
        LIMIT.as_secs()
    );
    Ok(())
}

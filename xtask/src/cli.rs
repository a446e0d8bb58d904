//! The command line: what can be asked, and who answers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{bail, Result};
use clap::{Parser, Subcommand, ValueEnum};
use xtask::measurement::Workload;
use xtask::request::Request;

use crate::cache::Cache;
use crate::kernel::Variant;
use crate::lab::Lab;
use crate::module::Module;
use crate::release::Release;
use crate::report::Report;
use crate::root::Root;
use crate::{
    bench, bindings, check, clean, demo, hookability, hookcheck, insn, install, kdir, selftests,
    test, torture, verify_hw,
};

/// The vKernel developer's command: prepares the lab, builds, boots, checks.
///
/// Each step prints one line with its elapsed time, and the commands that it runs. Everything
/// heavy is kept in $XDG_CACHE_HOME/vkernel. `check`, `module`, `clean` and `help` need no root.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Prepare the lab: host packages, build root, KDIR, guest
    Setup,
    /// Make a KDIR with Rust metadata for a stock kernel, and print its path as the last line
    Kdir {
        /// The kernel's release; the newest stock kernel, if not given
        #[arg(long)]
        kernel: Option<String>,
    },
    /// Build vkernel.ko
    Module {
        /// Build for this KDIR; for that of the newest stock kernel, if not given
        #[arg(long)]
        kdir: Option<PathBuf>,
    },
    /// Give a prompt in the guest with the module loaded
    Shell,
    /// Show containers with opposite memory policies on the stock kernel, and check each claim
    Demo,
    /// Run everything that must hold, and print one line per check
    Test {
        /// Run these areas only, separated by commas
        #[arg(long, value_delimiter = ',')]
        area: Vec<String>,
        /// Run only checks whose name has this in it
        #[arg(long)]
        only: Option<String>,
        /// Boot this kernel of the lab's own instead of the stock kernel
        #[arg(long)]
        kernel: Option<Variant>,
        /// Load the module with `backend=inline` in every area
        #[arg(long)]
        inline: bool,
    },
    /// Run what needs no kernel: the area `build`, and whether generated files are fresh
    Check,
    /// Count the instructions of workloads in the guest, in every state of the module; or, with the
    /// name `hook`, those of one call that is diverted by us and by others
    Bench {
        /// The workloads, all if none is given; or `hook` alone
        #[arg(value_name = "NAME")]
        names: Vec<Benched>,
        /// How often each is done, at least 1000 times
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1000..))]
        samples: u64,
        /// Boot once, instead of twice to see whether both agree
        #[arg(long)]
        once: bool,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
        /// Measure the birth and the death of namespaces instead, while up to 10,000 live
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples", "lookups"])]
        births: bool,
        /// Measure recounts of commitments instead, against tasks and mappings
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples", "births", "lookups"])]
        recounts: bool,
        /// Measure instead what postgres does in the host's commit mode and in mode 2
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples", "births", "recounts", "lookups"])]
        effect: bool,
        /// Measure instead forks with the hooks in and out, in turn
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples", "births", "recounts", "effect", "lookups"])]
        forks: bool,
        /// Measure instead what huge pages do for a container whose host has none
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples", "births", "recounts", "effect", "forks", "lookups"])]
        touch: bool,
        /// Measure instead what redis and mariadb do with huge pages and without
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples", "births", "recounts", "effect", "forks", "touch", "lookups"])]
        programs: bool,
        /// Measure instead what khugepaged's votes cost for each page
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples", "births", "recounts", "effect", "forks", "touch", "programs", "lookups"])]
        vote: bool,
        /// Measure one lookup in the kernel's tables and ours instead
        #[arg(long, conflicts_with_all = ["names", "once", "json", "samples"])]
        lookups: bool,
    },
    /// Run loads on the debug kernel, or on another
    Torture {
        /// The loads; all, if none is given
        names: Vec<String>,
        /// How long each goes on
        #[arg(long, default_value_t = 5)]
        minutes: u64,
        /// Go on until so many things are done, instead of for a time
        #[arg(long)]
        count: Option<u64>,
        /// The lab's own kernel to boot
        #[arg(long, default_value = "debug", conflicts_with = "stock")]
        kernel: Variant,
        /// Boot the stock kernel instead
        #[arg(long)]
        stock: bool,
    },
    /// Run the checks of hooks in guests whose code a processor executes, and write down what they said
    VerifyHw {
        /// Run them however guests run here, and write nothing
        #[arg(long)]
        rehearse: bool,
    },
    /// Run the kernel's own selftests of memory management in a container, without the module and
    /// with a policy that says what the host says, and compare
    Selftests {
        /// Whose
        suite: Suite,
        /// Only tests whose name has one of these in it
        names: Vec<String>,
    },
    /// Write the Rust bindings of the C shims
    Bindings {
        /// Only say whether the committed ones are fresh
        #[arg(long)]
        check: bool,
    },
    /// Compare who calls the hooked functions, and who reads their globals, with the committed list
    Hookcheck {
        /// Write the list instead
        #[arg(long)]
        update: bool,
        /// A kernel, linked or as a boot image; the newest stock kernel, if not given
        vmlinux: Option<PathBuf>,
    },
    /// Say of every function of a kernel which back end can hook it, or why none can
    Hookability {
        /// A kernel, linked or as a boot image; the newest stock kernel, if not given
        vmlinux: Option<PathBuf>,
        /// Write a line for each symbol to this file
        #[arg(long, value_name = "FILE")]
        csv: Option<PathBuf>,
        /// Print JSON, every symbol included, instead of tables
        #[arg(long)]
        json: bool,
    },
    /// Decode whole texts: the stock kernel's, the Rust compiler's and the C library's, and compare
    /// with other decoders
    Sweep,
    /// Time the instruction decoder beside others
    Peers,
    /// Compare the instruction decoder with others on generated bytes
    Fuzz {
        /// How many inputs
        #[arg(long, default_value_t = 100_000_000)]
        inputs: u64,
        /// Other inputs than the last time
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Build one of the lab's own kernels, and print its KDIR as the last line
    Kernel {
        /// Which one
        variant: Variant,
    },
    /// Run a command in the build root, where the kernel's own tool chain is
    Root {
        /// The command; a shell, if not given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Look after the lab's cache
    Lab {
        #[command(subcommand)]
        task: LabTask,
    },
    /// Install the module for the running kernel, and vkctl
    Install,
    /// Take out what `install` put there
    Uninstall,
    /// Remove what builds left in the checkout
    Clean,
}

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Benched {
    /// A workload.
    Workload(Workload),
    /// One diverted call.
    Hook,
}

impl FromStr for Benched {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "hook" {
            return Ok(Self::Hook);
        }
        let workload = Workload::named(name).map(Self::Workload);
        workload.ok_or_else(|| {
            let known = Workload::ALL.iter().map(|it| it.name());
            let known: Vec<_> = known.chain(["hook"]).collect();
            format!("names: {}", known.join(" "))
        })
    }
}

fn workloads(names: &[Benched]) -> Result<Vec<Workload>> {
    let workload = |name: &Benched| match name {
        Benched::Workload(workload) => Ok(*workload),
        Benched::Hook => bail!("`bench hook` is measured alone"),
    };
    names.iter().map(workload).collect()
}

/// A directory of the kernel's selftests.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Suite {
    /// Memory management
    Mm,
}

#[derive(Subcommand)]
enum LabTask {
    /// Remove the cache
    Clean,
}

/// Does what the command line asks for.
///
/// # Errors
///
/// The task's.
pub(crate) fn run() -> Result<ExitCode> {
    match Cli::parse().task {
        Task::Setup => setup()?,
        Task::Kdir { kernel } => make_kdir(kernel.as_deref())?,
        Task::Module { kdir } => module(kdir)?,
        Task::Shell => shell()?,
        Task::Demo => return demo::run(),
        Task::Test {
            area,
            only,
            kernel,
            inline,
        } => {
            return test::run(&test::Wanted {
                areas: &area,
                only: only.as_deref(),
                kernel,
                is_inline: inline,
            })
        }
        Task::Check => return check::run(),
        Task::Bench {
            names,
            samples,
            once,
            json,
            births,
            recounts,
            effect,
            forks,
            touch,
            programs,
            vote,
            lookups,
        } => {
            if names.as_slice() == [Benched::Hook] {
                return bench::run_hook(once, json);
            }
            let told = [
                (births, Request::Births),
                (recounts, Request::Recounts),
                (touch, Request::Touch),
                (programs, Request::Programs),
                (vote, Request::Vote),
                (effect, Request::Effect),
                (forks, Request::Forks),
            ];
            if let Some((_, request)) = told.iter().find(|(wanted, _)| *wanted) {
                return bench::tell(request);
            }
            if lookups {
                return bench::lookups();
            }
            return bench::run(&bench::Wanted {
                workloads: &workloads(&names)?,
                samples: samples as usize,
                is_once: once,
                is_json: json,
            });
        }
        Task::Torture {
            names,
            minutes,
            count,
            kernel,
            stock,
        } => {
            return torture::run(&torture::Wanted {
                names,
                minutes,
                count,
                kernel: (!stock).then_some(kernel),
            })
        }
        Task::VerifyHw { rehearse } => return verify_hw::run(rehearse),
        Task::Selftests {
            suite: Suite::Mm,
            names,
        } => return selftests::run(&names),
        Task::Bindings { check: false } => bindings::write()?,
        Task::Bindings { check: true } => {
            let mut report = Report::default();
            bindings::check(&Cache::find()?, &mut report)?;
            return Ok(report.close());
        }
        Task::Hookcheck { update, vmlinux } => hookcheck::run(vmlinux.as_deref(), update)?,
        Task::Hookability { vmlinux, csv, json } => hookability::run(&hookability::Wanted {
            vmlinux: vmlinux.as_deref(),
            csv: csv.as_deref(),
            is_json: json,
        })?,
        Task::Sweep => return insn::sweep(),
        Task::Peers => insn::peers()?,
        Task::Fuzz { inputs, seed } => return insn::fuzz(inputs, seed),
        Task::Kernel { variant } => {
            let lab = Lab::prepare()?;
            println!("{}", lab.kernel(variant)?.kdir.display());
        }
        Task::Root { command } => return in_root(&command),
        Task::Lab {
            task: LabTask::Clean,
        } => Cache::find()?.remove()?,
        Task::Install => install::install()?,
        Task::Uninstall => install::uninstall()?,
        Task::Clean => clean::run()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn setup() -> Result<()> {
    let lab = Lab::prepare()?;
    lab.kdir()?;
    lab.guest(None).map(|_| ())
}

fn make_kdir(kernel: Option<&str>) -> Result<()> {
    let lab = Lab::prepare()?;
    let dir = match kernel {
        None => lab.kdir()?,
        Some(name) => {
            let release = Release::fetched(&lab.cache, &lab.root, name)?;
            kdir::prepare(&lab.cache, &lab.root, &release)?
        }
    };
    println!("{}", dir.display());
    Ok(())
}

fn module(kdir: Option<PathBuf>) -> Result<()> {
    let cache = Cache::find()?;
    let object = match kdir {
        None => {
            let lab = Lab::prepare()?;
            Module::Reference.build(&lab.cache, Some(&lab.root), &lab.kdir()?)?
        }
        Some(kdir) => {
            // Without a build root the host's own tools are as good as the author says.
            let root = Root::existing(&cache).ok();
            let kdir = std::path::absolute(kdir)?;
            Module::Reference.build(&cache, root.as_ref(), &kdir)?
        }
    };
    println!("{}", object.display());
    Ok(())
}

fn shell() -> Result<()> {
    let lab = Lab::prepare()?;
    let mut payload = lab.payload()?;
    lab.add_module(&mut payload, None)?;
    lab.guest(None)?.interact(&payload)
}

fn in_root(command: &[String]) -> Result<ExitCode> {
    let root = Root::existing(&Cache::find()?)?;
    let dir = std::env::current_dir()?;
    let bash = ["bash".to_owned()];
    let words = if command.is_empty() { &bash } else { command };
    let command = root.command_with(&words[0], &dir, &[&dir])?;
    let status = command.args(&words[1..]).interact()?;
    Ok(ExitCode::from(status.code().map_or(1, |code| code as u8)))
}

//! The command line.

use std::path::PathBuf;

use clap::{Args as Group, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use vk_sysctl::{Scope, TABLE};

const TARGETS: &str = "\
Targets:
  ns:N       a pid namespace by the kernel's never-reused id, as `vkctl list` shows it
  pid:N      the pid namespace of process N
  oci:NAME   a container of crun, runc, Docker, containerd, podman or CRI-O by its name or id there
  HEX        a container id, or its first digits (6 at least) if they fit only one
  default    what namespaces born from now on start with";

const THP_KEYS: &str = "\
Keys; `vkctl show default` names those of the loaded module, which checks the values:
  thp_enabled                always, madvise or never
  thp_defrag                 always, defer, defer+madvise, madvise or never
  thp_shmem_enabled          always, within_size, advise, never, deny or force
  thp_use_zero_page          0 or 1
  thp_khugepaged             0 or 1
";

const RULES: &str = "  \
  KEY.inside                 ro or rw: may the container write it (default ro)
  KEY.min, KEY.max           bounds for writes from inside and for nested containers
What the kernel keeps per namespace itself, kernel.pid_max among it, is set by --profile only.";

/// The keys, those of kernel parameters as vk-sysctl knows them.
fn keys() -> String {
    let private = TABLE.iter().filter(|entry| entry.scope == Scope::Machine);
    let lines = private.map(|entry| {
        let (least, greatest) = (entry.ctype.least(), entry.ctype.greatest());
        format!(
            "  {:<26} {}, {least} to {greatest}\n",
            entry.name, entry.unit
        )
    });
    [THP_KEYS.to_owned(), lines.collect(), RULES.to_owned()].concat()
}

const EXIT: &str = "\
Exit codes: 0 done, 1 refused (by the kernel, or a target that is not there), 2 wrong command line.";

const HELP: &str = "Keys and what values they take: `vkctl set --help`.";

const EXAMPLES: &str = "\
Examples:
  vkctl list
  vkctl set pid:4711 vm.overcommit_memory=1 thp_enabled=never
  vkctl show oci:redis --json
  vkctl unset 3f9a1c vm.overcommit_memory
  vkctl disarm --force";

/// Shows and sets the memory policies of containers.
///
/// Each pid namespace below the host's may have values of its own for THP, overcommit and other kernel parameters. vkctl asks the
/// module vkernel about them, through /dev/vkernel.
#[derive(Debug, Parser)]
#[command(name = "vkctl", version, after_help = format!("{EXAMPLES}\n\n{HELP}\n\n{EXIT}"))]
pub(crate) struct Args {
    /// Print one JSON object instead of text; for `watch` one per line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The module's device
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "VKERNEL_DEVICE",
        default_value = "/dev/vkernel"
    )]
    pub(crate) device: PathBuf,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List the namespaces that have a policy
    #[command(after_help = "Examples:\n  vkctl list\n  vkctl list --all --json")]
    List {
        /// Also those without a policy, and why one is not a container
        #[arg(long)]
        all: bool,
    },
    /// Show what is in force for a target, key by key, and where it comes from
    #[command(after_help = format!(
        "Examples:\n  vkctl show ns:4027\n  vkctl show oci:redis\n  vkctl show default\n\n{TARGETS}"
    ))]
    Show {
        /// Whose policy
        target: String,
    },
    /// Set values: all of them, or none when one is refused
    #[command(after_help = format!(
        "Examples:\n  vkctl set pid:4711 vm.overcommit_memory=1\n  \
         vkctl set oci:postgres vm.overcommit_memory=2 vm.overcommit_ratio=80\n  \
         vkctl set default thp_enabled=madvise\n  \
         vkctl set oci:web --profile sysctl.json\n  \
         vkctl set 3f9a1c -f policy.conf     lines of KEY=VALUE, `#` starts a comment, `-` is stdin\n\n\
         {TARGETS}\n\n{}", keys()
    ))]
    Set(Set),
    /// Take values away, so that the outer namespace's or the host's count again
    #[command(after_help = format!(
        "Examples:\n  vkctl unset oci:redis thp_enabled\n  vkctl unset oci:redis\n\n{TARGETS}"
    ))]
    Unset {
        /// Whose policy
        target: String,
        /// Which keys; without any, all of them
        #[arg(value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Show counters: held, maxheld, limit, failcnt and others, in bytes or counts
    #[command(after_help = format!(
        "Examples:\n  vkctl stat\n  vkctl stat oci:postgres --json\n\n{TARGETS}"
    ))]
    Stat {
        /// One target only
        target: Option<String>,
    },
    /// Put the hooks in, of some features or of all that are needed
    #[command(after_help = "Examples:\n  vkctl arm\n  vkctl arm overcommit\n  \
                            vkctl arm --backend __vm_enough_memory=inline")]
    Arm {
        /// Features, as `vkctl features` names them
        #[arg(value_name = "FEATURE")]
        features: Vec<String>,
        /// How one hook goes in, if it is out: auto, ftrace or inline
        #[arg(long, value_name = "FUNCTION=BACKEND")]
        backend: Vec<String>,
    },
    /// Take every hook out; the module and the policies stay, shown as not enforced
    #[command(
        after_help = "Examples:\n  vkctl disarm\n  vkctl disarm --force --timeout 30\n\n\
                      The error names the task that still sleeps in a hook when the time is over."
    )]
    Disarm {
        /// Also while namespaces have policies, which then are not enforced
        #[arg(long)]
        force: bool,
        /// How long to wait for tasks that sleep in a hook
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u32>,
    },
    /// List what the module can do on this kernel, and the reasons for what it cannot
    #[command(after_help = "Examples:\n  vkctl features\n  vkctl features --json")]
    Features,
    /// List the hooked kernel functions
    #[command(after_help = "Examples:\n  vkctl hooks\n  vkctl hooks --json")]
    Hooks,
    /// Say who holds the entry of each hooked kernel function, and what stands in the way of a hook
    ///
    /// HOLDER is vkernel, bpf, livepatch, kprobe (one with a post_handler), direct (another module) or none; BESIDE
    /// are those who can share the function. It reads what the kernel shows root below /sys.
    #[command(after_help = "Examples:\n  vkctl doctor\n  vkctl doctor --json")]
    Doctor,
    /// Print what happens, line by line, until it is interrupted
    ///
    /// Each line is SEQ TIME EVENT NAME KEY=VALUE..., with TIME in nanoseconds of CLOCK_MONOTONIC. A line `lost N`
    /// says that vkctl was too slow for N events.
    #[command(
        after_help = "Examples:\n  vkctl watch\n  vkctl watch --json | jq -c 'select(.event == \"refused\")'"
    )]
    Watch,
    /// Write a kernel parameter inside a namespace, as stdin says: for vkctl itself
    #[command(
        hide = true,
        after_help = "Examples:\n  echo '{\"pid\": 4711, \"kind\": \"ipc\", \"path\": \"/proc/sys/kernel/msgmax\", \"value\": \"8192\"}' | vkctl inside"
    )]
    Inside,
    /// Print a completion script
    #[command(after_help = "Examples:\n  vkctl completions bash >/etc/bash_completion.d/vkctl")]
    Completions {
        /// The shell it is for
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Examples:\n  vkctl man | man -l -")]
    Man,
}

/// What `set` takes.
#[derive(Debug, Group)]
pub(crate) struct Set {
    /// Whose policy
    pub(crate) target: String,
    /// Values to set
    #[arg(value_name = "KEY=VALUE", required_unless_present_any = ["file", "profile"])]
    pub(crate) settings: Vec<String>,
    /// Read further KEY=VALUE lines from a file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Apply a profile of kernel parameters: a JSON object with fs, kernel, net, vm. What the kernel keeps per
    /// namespace is set inside the container's; "unsupported": "skip" applies the rest of a profile
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["settings", "file"])]
    pub(crate) profile: Option<PathBuf>,
}

impl Verb {
    /// Returns the word for it on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Verb::List { .. } => "list",
            Verb::Show { .. } => "show",
            Verb::Set(_) => "set",
            Verb::Unset { .. } => "unset",
            Verb::Stat { .. } => "stat",
            Verb::Arm { .. } => "arm",
            Verb::Disarm { .. } => "disarm",
            Verb::Features => "features",
            Verb::Hooks => "hooks",
            Verb::Doctor => "doctor",
            Verb::Watch => "watch",
            Verb::Inside => "inside",
            Verb::Completions { .. } => "completions",
            Verb::Man => "man",
        }
    }
}

/// Returns the completion script for `shell`.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "vkctl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Returns the manual page, in roff.
pub(crate) fn man_page() -> String {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(Args::command());
    man.render(&mut page)
        .expect("a Vec takes whatever is written to it");
    String::from_utf8_lossy(&page).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_verb_has_examples() {
        for verb in Args::command().get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string);
            assert!(
                help.is_some_and(|help| help.contains("Examples:\n")),
                "{} has no examples",
                verb.get_name()
            );
        }
    }

    #[test]
    fn set_wants_a_value_or_a_file() {
        assert!(Args::try_parse_from(["vkctl", "set", "ns:5"]).is_err());
        assert!(Args::try_parse_from(["vkctl", "set", "ns:5", "-f", "x"]).is_ok());
        assert!(Args::try_parse_from(["vkctl", "set", "ns:5", "a=1"]).is_ok());
    }
}

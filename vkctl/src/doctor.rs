//! Who holds the entry of each hooked function, and who is there beside: `vkctl doctor`.
//!
//! The kernel tells root, in tracefs, debugfs and sysfs; what it does not show is told as unknown.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::record::Record;

/// What ftrace tells of the functions that it serves.
const FTRACE: &str = "kernel/tracing/enabled_functions";
const KPROBES: &str = "kernel/debug/kprobes/list";
const PATCHES: &str = "kernel/livepatch";

/// How the module's stubs are named.
const STUBS: &str = "vk_stub_";

/// How the kernel names what it makes for BPF programs.
const BPF: &str = "bpf_";

/// What a kernel shows of those who watch or divert its functions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diagnosis {
    ftrace: Option<HashMap<String, Entry>>,
    /// Kprobes at the entry of a function.
    probes: Vec<String>,
    /// Live patches, by function.
    patches: Vec<(String, String)>,
}

/// A function as ftrace has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// How many use it.
    users: u32,
    /// One of them changes where it goes on.
    is_diverted: bool,
    /// Where a direct call or jump leads, `SYMBOL` or `SYMBOL [MODULE]`.
    direct: Option<String>,
}

impl Diagnosis {
    /// Looks at the kernel below `sys`, which is `/sys`.
    pub(crate) fn of(sys: &Path) -> Self {
        let read = |file| fs::read_to_string(sys.join(file)).ok();
        Self {
            ftrace: read(FTRACE).map(|text| entries(&text)),
            probes: read(KPROBES).map_or_else(Vec::new, |text| probed(&text)),
            patches: patched(&sys.join(PATCHES)),
        }
    }

    /// Adds to each of the module's hooks who holds its entry, who is beside, and what to do.
    pub(crate) fn add(&self, hooks: &mut [Record]) {
        for hook in hooks {
            let symbol = hook.name().unwrap_or_default().to_owned();
            let entry = self.ftrace.as_ref().map(|all| all.get(&symbol));
            let our = Our::of(hook);
            let (holder, advice) = match entry {
                None => (
                    "unknown",
                    "run as root with tracefs mounted: ftrace does not tell",
                ),
                Some(entry) => self.holder(&symbol, entry, our),
            };
            let beside = self.beside(&symbol, entry.flatten(), holder, our);
            hook.push("holder", holder);
            hook.push("beside", if beside.is_empty() { "-" } else { &beside });
            if !advice.is_empty() {
                hook.push("advice", advice);
            }
        }
    }

    /// Returns who decides what the function does, and what to do about it.
    fn holder(
        &self,
        symbol: &str,
        entry: Option<&Entry>,
        our: Our,
    ) -> (&'static str, &'static str) {
        let direct = entry.and_then(|entry| entry.direct.as_deref());
        let is_diverted = entry.is_some_and(|entry| entry.is_diverted);
        let is_patched = self.patches.iter().any(|(function, _)| function == symbol);
        match direct {
            Some(to) if to.starts_with(STUBS) => ("vkernel", ""),
            None if is_patched && our == Our::Inline => (
                "livepatch",
                "disable the live patch, which bypasses the hook",
            ),
            // Whoever is in front comes back to the jump.
            _ if our == Our::Inline => ("vkernel", ""),
            Some(to) if to.starts_with(BPF) => (
                "bpf",
                "detach the BPF program (`bpftool link`), then `vkctl arm`",
            ),
            Some(_) => (
                "direct",
                "another module diverts it: unload that, then `vkctl arm`",
            ),
            None if is_patched => ("livepatch", "disable the live patch, then `vkctl arm`"),
            None if is_diverted => (
                "kprobe",
                "remove the kprobe that has a post_handler, then `vkctl arm`",
            ),
            None if our == Our::Ftrace => {
                ("none", "the hook is bypassed: `vkctl hooks` says by what")
            }
            None => ("none", ""),
        }
    }

    fn beside(&self, symbol: &str, entry: Option<&Entry>, holder: &str, our: Our) -> String {
        let mut beside = Vec::new();
        if self.probes.iter().any(|probe| probe == symbol) && holder != "kprobe" {
            beside.push("kprobe".to_owned());
        }
        let direct = entry.and_then(|entry| entry.direct.as_deref());
        if our == Our::Inline && direct.is_some_and(|to| to.starts_with(BPF)) {
            beside.push("bpf".to_owned());
        }
        let patches = self
            .patches
            .iter()
            .filter(|(function, _)| function == symbol);
        beside.extend(patches.map(|(_, patch)| format!("livepatch:{patch}")));
        let users = entry.map_or(0, |entry| entry.users);
        let is_user = holder != "none" && our != Our::Inline;
        let known = u32::from(is_user) + beside.len() as u32;
        if users > known {
            beside.push(format!("tracers:{}", users - known));
        }
        beside.join(",")
    }
}

/// How our hook is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Our {
    Out,
    Ftrace,
    /// By a jump behind ftrace's nop.
    Inline,
}

impl Our {
    fn of(hook: &Record) -> Self {
        match (hook.field("state"), hook.field("backend")) {
            (Some("armed"), Some("inline")) => Self::Inline,
            (Some("armed"), _) => Self::Ftrace,
            _ => Self::Out,
        }
    }
}

/// Reads `FUNCTION (USERS) R I D...`, behind some of which a line `direct-->SYMBOL+0x0/0x10` stands.
fn entries(text: &str) -> HashMap<String, Entry> {
    let mut all = HashMap::new();
    let mut last = String::new();
    for line in text.lines() {
        if let Some((_, to)) = line.trim_start().split_once("-->") {
            if let (true, Some(entry)) = (line.contains("direct"), all.get_mut(&last)) {
                let entry: &mut Entry = entry;
                entry.direct = Some(to.split('+').next().unwrap_or(to).trim().to_owned());
            }
            continue;
        }
        let Some((function, rest)) = line.split_once(" (") else {
            continue;
        };
        let (users, flags) = rest.split_once(')').unwrap_or((rest, ""));
        let flags = flags.split('\t').next().unwrap_or_default();
        last = function.trim().to_owned();
        let entry = Entry {
            users: users.trim().parse().unwrap_or(0),
            is_diverted: flags.split(' ').any(|flag| flag == "I"),
            direct: None,
        };
        all.insert(last.clone(), entry);
    }
    all
}

/// Reads `ADDRESS k SYMBOL+0xOFFSET [MODULE] [STATE]`; takes those at an entry.
fn probed(text: &str) -> Vec<String> {
    // Behind ENDBR, which a kprobe at the beginning steps over.
    const ENTRIES: &[&str] = &["0x0", "0x4"];
    let at_entry = |line: &str| {
        let (symbol, offset) = line.split_whitespace().nth(2)?.split_once('+')?;
        ENTRIES.contains(&offset).then(|| symbol.to_owned())
    };
    text.lines().filter_map(at_entry).collect()
}

/// Lists `PATCH/OBJECT/FUNCTION,POSITION` below `dir`.
fn patched(dir: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for patch in names_in(dir) {
        for object in names_in(&dir.join(&patch)) {
            let functions = names_in(&dir.join(&patch).join(object)).into_iter();
            let functions = functions.filter_map(|name| Some(name.split_once(',')?.0.to_owned()));
            all.extend(functions.map(|function| (function, patch.clone())));
        }
    }
    all
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    dirs.filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENABLED: &str = "\
vm_commit_limit (1)        D   M \ttramp: ftrace_regs_caller+0x0/0x69 (call_direct_funcs+0x0/0x30)
\tdirect(jmp)-->vk_stub_vm_commit_limit+0x0/0x20 [vkernel]
do_exit (2)  R   D   M \t
\tdirect-->bpf_trampoline_6442489+0x0/0x80
vm_memory_committed (1)  R I     M \ttramp: 0xffffffffc0400000 (kprobe_ftrace_handler+0x0/0x1b0) ->kprobe_ftrace_handler+0x0/0x1b0
schedule (1)            \ttramp: 0xffffffffc0401000 (function_trace_call+0x0/0x150)
";

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            ftrace: Some(entries(ENABLED)),
            probes: probed(
                "ffffffff81 k  vm_memory_committed+0x4    [FTRACE]\n\
                 ffffffff82 k  do_exit+0x4    [FTRACE]\n\
                 ffffffff83 k  schedule+0x9    \n",
            ),
            patches: vec![("do_mmap".to_owned(), "fix".to_owned())],
        }
    }

    fn said(diagnosis: &Diagnosis, hook: &str) -> Record {
        let mut hooks = [Record::parse(hook).unwrap()];
        diagnosis.add(&mut hooks);
        let [hook] = hooks;
        hook
    }

    #[track_caller]
    fn holds(hook: &str, holder: &str, beside: &str) -> Option<String> {
        let hook = said(&diagnosis(), hook);
        assert_eq!(hook.field("holder"), Some(holder));
        assert_eq!(hook.field("beside"), Some(beside));
        hook.field("advice").map(str::to_owned)
    }

    #[test]
    fn knows_our_stub_from_others() {
        assert_eq!(holds("vm_commit_limit state=armed", "vkernel", "-"), None);
        let advice = holds("do_exit state=planned", "bpf", "kprobe").unwrap();
        assert!(advice.contains("bpftool"), "{advice}");
    }

    #[test]
    fn knows_who_diverts_without_a_direct_jump() {
        assert!(holds("vm_memory_committed state=planned", "kprobe", "-").is_some());
        let advice = holds("do_mmap state=planned", "livepatch", "livepatch:fix").unwrap();
        assert!(advice.contains("live patch"), "{advice}");
    }

    #[test]
    fn a_tracer_holds_nothing() {
        assert_eq!(holds("schedule state=planned", "none", "tracers:1"), None);
        assert_eq!(holds("kfree state=planned", "none", "-"), None);
    }

    #[test]
    fn an_armed_hook_that_nobody_holds_is_bypassed() {
        let advice = holds("kfree state=armed", "none", "-").unwrap();
        assert!(advice.contains("bypassed"), "{advice}");
    }

    #[test]
    fn whoever_is_in_front_of_an_inline_hook_comes_back_to_it() {
        let inline = |symbol: &str| format!("{symbol} state=armed backend=inline");
        assert_eq!(holds(&inline("kfree"), "vkernel", "-"), None);
        assert_eq!(holds(&inline("do_exit"), "vkernel", "kprobe,bpf"), None);
        let advice = holds(&inline("do_mmap"), "livepatch", "livepatch:fix").unwrap();
        assert!(advice.contains("bypasses"), "{advice}");
    }

    #[test]
    fn says_so_when_the_kernel_shows_nothing() {
        let hook = said(&Diagnosis::default(), "kfree state=armed");
        assert_eq!(hook.field("holder"), Some("unknown"));
        assert!(hook.field("advice").unwrap().contains("root"));
    }

    #[test]
    fn lists_the_functions_of_live_patches() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("fix/vmlinux/do_mmap,1")).unwrap();
        fs::write(dir.path().join("fix/enabled"), "1\n").unwrap();
        assert_eq!(patched(dir.path()), [("do_mmap".into(), "fix".into())]);
    }
}

//! Finding the first process of a container by its id.
//!
//! Two sources: the state directories of crun and runc (also as Docker and containerd call them), which name the process, and the
//! cgroups of all processes, whose names hold the 64 digits of the id with every engine.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::process::{names, System};
use crate::target::TargetError;

/// The digits of an id as Docker, containerd, podman and CRI-O make them.
const ID_LEN: usize = 64;

/// Where a runtime keeps the state of its containers, below `/run`.
struct Runtime {
    dir: &'static str,
    /// Whether an engine's directories (`moby`, `k8s.io`) lie between `dir` and the containers.
    by_engine: bool,
    /// The file in a container's directory, and in it the keys of its first process's pid and start time.
    file: &'static str,
    pid: &'static str,
    started: &'static str,
}

const CRUN: Runtime = Runtime {
    dir: "crun",
    by_engine: false,
    file: "status",
    pid: "pid",
    started: "process-start-time",
};

const RUNC: Runtime = Runtime {
    dir: "runc",
    by_engine: false,
    file: "state.json",
    pid: "init_process_pid",
    started: "init_process_start",
};

const RUNTIMES: &[Runtime] = &[
    CRUN,
    RUNC,
    Runtime {
        dir: "docker/runtime-runc",
        by_engine: true,
        ..RUNC
    },
    Runtime {
        dir: "containerd/runc",
        by_engine: true,
        ..RUNC
    },
];

/// A process that a runtime or a cgroup says is the first of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    pub(crate) pid: u32,
    /// When it started, if that is known; a process that started at another time has only got its pid.
    pub(crate) started: Option<u64>,
}

/// Finds the first process of the container that `wanted` names: a whole name or id, or the first digits of one.
///
/// # Errors
///
/// None or several fit, or it does not run, or has no pid namespace of its own.
pub(crate) fn find(system: &System, wanted: &str) -> Result<First, TargetError> {
    let states = states(system);
    let by_cgroup = by_cgroup(system);
    let ids = states.iter().map(|state| &state.id).chain(by_cgroup.keys());
    let id = choose(wanted, ids)?;
    let mut firsts: Vec<First> = states
        .iter()
        .filter(|state| state.id == id)
        .filter_map(|state| state.first())
        .filter(|first| runs(system, *first))
        .collect();
    if firsts.is_empty() {
        firsts = by_cgroup.get(&id).into_iter().flatten().copied().collect();
    }
    firsts.sort_by_key(|first| first.pid);
    firsts.dedup_by_key(|first| first.pid);
    match firsts[..] {
        [first] => own_namespace(system, &id, first),
        [] => Err(TargetError::NotRunning(id)),
        _ => Err(TargetError::Ambiguous {
            wanted: wanted.to_owned(),
            found: firsts.iter().map(|f| format!("pid:{}", f.pid)).collect(),
        }),
    }
}

/// Container ids by the pid of the first process.
pub(crate) type ByProcess = BTreeMap<u32, String>;

/// Returns the containers that the runtimes' state directories tell of, those that run.
pub(crate) fn by_process(system: &System) -> ByProcess {
    let states = states(system).into_iter();
    states
        .filter_map(|state| Some((state.first()?, state.id)))
        .filter(|(first, _)| runs(system, *first))
        .map(|(first, id)| (first.pid, id))
        .collect()
}

/// Returns the one of `ids` that `wanted` names; a whole id wins over longer ones that start with it.
fn choose<'a>(
    wanted: &str,
    ids: impl Iterator<Item = &'a String> + Clone,
) -> Result<String, TargetError> {
    if let Some(id) = ids.clone().find(|id| *id == wanted) {
        return Ok(id.clone());
    }
    let mut found: Vec<_> = match crate::target::is_id_prefix(wanted) {
        true => ids.filter(|id| id.starts_with(wanted)).cloned().collect(),
        false => Vec::new(),
    };
    found.sort();
    found.dedup();
    match found.len() {
        0 => Err(TargetError::NoContainer(wanted.to_owned())),
        1 => Ok(found.remove(0)),
        _ => Err(TargetError::Ambiguous {
            wanted: wanted.to_owned(),
            found,
        }),
    }
}

/// Refuses a container that uses the pid namespace of the host or of another container.
fn own_namespace(system: &System, id: &str, first: First) -> Result<First, TargetError> {
    let status = system.status(first.pid);
    match status.map_err(|_| TargetError::NotRunning(id.to_owned()))? {
        status if status.is_first() => Ok(first),
        _ => Err(TargetError::Shared {
            id: id.to_owned(),
            pid: first.pid,
        }),
    }
}

/// One container in a state directory.
struct State {
    id: String,
    path: PathBuf,
    runtime: &'static Runtime,
}

impl State {
    fn first(&self) -> Option<First> {
        let state: Value = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        Some(First {
            pid: state.get(self.runtime.pid)?.as_u64()?.try_into().ok()?,
            started: state.get(self.runtime.started).and_then(Value::as_u64),
        })
    }
}

fn states(system: &System) -> Vec<State> {
    let mut states = Vec::new();
    for runtime in RUNTIMES {
        let top = system.run.join(runtime.dir);
        let dirs = match runtime.by_engine {
            true => names(&top).iter().map(|name| top.join(name)).collect(),
            false => vec![top],
        };
        for dir in dirs {
            states.extend(names(&dir).into_iter().map(|id| State {
                path: dir.join(&id).join(runtime.file),
                id,
                runtime,
            }));
        }
    }
    states.retain(|state| state.path.is_file());
    states
}

fn runs(system: &System, first: First) -> bool {
    let now = system.start_time(first.pid).ok();
    now.is_some() && (first.started.is_none() || first.started == now)
}

/// Returns the containers that cgroup names tell of, each with the processes that may be its first.
///
/// A first process is pid 1 of its namespace and has a parent outside the container. Without the second
/// test, a namespace that a container of the host's pid namespace made would be taken for the container's.
/// A container whose processes all fail the test is listed too: it exists, but has no namespace.
fn by_cgroup(system: &System) -> BTreeMap<String, Vec<First>> {
    let ids_of = |pid| {
        let cgroups = system.cgroups(pid).unwrap_or_default();
        cgroups.iter().find_map(|path| innermost_id(path))
    };
    let mut containers: BTreeMap<String, Vec<First>> = BTreeMap::new();
    for pid in system.pids() {
        let Some(id) = ids_of(pid) else { continue };
        let firsts = containers.entry(id.clone()).or_default();
        let Ok(status) = system.status(pid) else {
            continue;
        };
        if status.is_first() && ids_of(status.parent).as_ref() != Some(&id) {
            firsts.push(First { pid, started: None });
        }
    }
    containers
}

/// Returns the last container id in a cgroup's path, as in `/system.slice/docker-ID.scope` or `/kubepods/podUID/ID`.
pub(crate) fn innermost_id(path: &str) -> Option<String> {
    let words = path.rsplit(|c: char| !c.is_ascii_alphanumeric());
    let mut ids = words.filter(|word| is_id(word));
    ids.next().map(str::to_owned)
}

/// Tells whether `word` is a whole id as the engines make them.
pub(crate) fn is_id(word: &str) -> bool {
    word.len() == ID_LEN && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::fake::Fake;

    fn id(start: &str) -> String {
        format!("{start:0<64}")
    }

    fn scope(start: &str) -> String {
        format!("/system.slice/docker-{}.scope", id(start))
    }

    fn pid(fake: &Fake, wanted: &str) -> Result<u32, TargetError> {
        find(&fake.system, wanted).map(|first| first.pid)
    }

    #[test]
    fn finds_crun_and_runc_containers_by_name() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/redis");
        fake.process(&[40, 1], 7, "56", "/postgres");
        fake.write(
            "run/crun/redis/status",
            r#"{"pid":30,"process-start-time":1030}"#,
        );
        fake.write(
            "run/runc/postgres/state.json",
            r#"{"init_process_pid":40,"init_process_start":1040}"#,
        );
        assert_eq!(pid(&fake, "redis"), Ok(30));
        assert_eq!(pid(&fake, "postgres"), Ok(40));
        assert_eq!(
            pid(&fake, "redi"),
            Err(TargetError::NoContainer("redi".to_owned()))
        );
    }

    #[test]
    fn refuses_a_process_that_only_got_the_pid() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/other");
        fake.write(
            "run/crun/redis/status",
            r#"{"pid":30,"process-start-time":999}"#,
        );
        assert_eq!(
            pid(&fake, "redis"),
            Err(TargetError::NotRunning("redis".to_owned()))
        );
    }

    #[test]
    fn finds_dockers_state_directories() {
        let fake = Fake::new();
        let id = id("3f9a1c");
        fake.process(&[30, 1], 7, "55", "/x");
        fake.write(
            &format!("run/docker/runtime-runc/moby/{id}/state.json"),
            r#"{"init_process_pid":30,"init_process_start":1030}"#,
        );
        assert_eq!(pid(&fake, "3f9a1c"), Ok(30));
    }

    #[test]
    fn finds_the_first_process_in_the_cgroup() {
        let fake = Fake::new();
        fake.process(&[7], 1, "4", "/system.slice/containerd.service");
        fake.process(&[30, 1], 7, "55", &scope("3f9a1c"));
        fake.process(&[31, 5], 30, "55", &scope("3f9a1c"));
        // A namespace inside the container, and a container inside the container.
        fake.process(&[32, 6, 1], 31, "60", &scope("3f9a1c"));
        fake.process(
            &[33, 7, 1],
            31,
            "61",
            &format!("{}/{}", scope("3f9a1c"), id("bbbbbb")),
        );
        assert_eq!(pid(&fake, "3f9a1c"), Ok(30));
        assert_eq!(pid(&fake, &id("3f9a1c")), Ok(30));
        assert_eq!(pid(&fake, "bbbbbb"), Ok(33));
    }

    #[test]
    fn refuses_a_prefix_that_fits_two() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", &scope("3f9a1c1"));
        fake.process(&[40, 1], 7, "56", &scope("3f9a1c2"));
        let found = vec![id("3f9a1c1"), id("3f9a1c2")];
        assert_eq!(
            pid(&fake, "3f9a1c"),
            Err(TargetError::Ambiguous {
                wanted: "3f9a1c".to_owned(),
                found
            })
        );
        assert_eq!(pid(&fake, "3f9a1c1"), Ok(30));
    }

    #[test]
    fn a_whole_name_wins_over_longer_ones() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/");
        fake.process(&[40, 1], 7, "56", "/");
        fake.write("run/crun/facade/status", r#"{"pid":30}"#);
        fake.write("run/crun/facade2/status", r#"{"pid":40}"#);
        assert_eq!(pid(&fake, "facade"), Ok(30));
    }

    #[test]
    fn refuses_one_name_in_two_runtimes() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/");
        fake.process(&[40, 1], 7, "56", "/");
        fake.write("run/crun/web/status", r#"{"pid":30}"#);
        fake.write("run/runc/web/state.json", r#"{"init_process_pid":40}"#);
        let found = vec!["pid:30".to_owned(), "pid:40".to_owned()];
        assert_eq!(
            pid(&fake, "web"),
            Err(TargetError::Ambiguous {
                wanted: "web".to_owned(),
                found
            })
        );
    }

    #[test]
    fn refuses_a_container_in_the_hosts_namespace() {
        let fake = Fake::new();
        fake.process(&[30], 7, "4", "/");
        fake.write("run/crun/hostpid/status", r#"{"pid":30}"#);
        let id = "hostpid".to_owned();
        assert_eq!(
            pid(&fake, "hostpid"),
            Err(TargetError::Shared { id, pid: 30 })
        );
    }

    #[test]
    fn does_not_take_a_namespace_inside_for_the_containers() {
        let fake = Fake::new();
        fake.process(&[30], 7, "4", &scope("3f9a1c"));
        fake.process(&[31, 1], 30, "60", &scope("3f9a1c"));
        assert_eq!(
            pid(&fake, "3f9a1c"),
            Err(TargetError::NotRunning(id("3f9a1c")))
        );
    }

    #[test]
    fn survives_broken_state_files() {
        let fake = Fake::new();
        for (name, text) in [
            ("a", ""),
            ("b", "[]"),
            ("c", r#"{"pid":"x"}"#),
            ("d", r#"{"pid":-1}"#),
        ] {
            fake.write(&format!("run/crun/{name}/status"), text);
            assert_eq!(
                pid(&fake, name),
                Err(TargetError::NotRunning(name.to_owned()))
            );
        }
    }
}

//! Whom a command is about, as people write it, and what the kernel is told.

use std::io::{self, ErrorKind};
use std::str::FromStr;

use thiserror::Error;

use crate::container;
use crate::failure::Failure;
use crate::nsid;
use crate::process::System;

/// The fewest digits that may stand for a container's id.
const MIN_PREFIX: usize = 6;

/// A target as the user writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `ns:N`.
    Namespace(u64),
    /// `pid:N`.
    Process(u32),
    /// `oci:NAME`, or an id without `oci:`.
    Container(String),
    /// `default`.
    Default,
}

/// Why a word is no target.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum SpellingError {
    #[error("{0} may be a namespace or a process: write ns:{0} or pid:{0}")]
    BareNumber(String),
    #[error("{0:?} is too short for a container id: give 6 digits or more, or the whole name as oci:{0}")]
    ShortPrefix(String),
    #[error("{0:?} is no target: write ns:N, pid:N, oci:NAME, a container id, or default")]
    Unknown(String),
    #[error("{word:?} is no target: after `{kind}:` comes {wants}")]
    After {
        word: String,
        kind: &'static str,
        wants: &'static str,
    },
}

/// Why a target cannot be found on this system.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum TargetError {
    #[error("there is no process {0}")]
    NoProcess(u32),
    #[error("process {0} ended meanwhile")]
    Ended(u32),
    #[error("process {0} is in the host's pid namespace, which has no policy of its own")]
    Host(u32),
    #[error("the namespace of process {pid} cannot be read: {kind}")]
    Unreadable {
        pid: u32,
        errno: String,
        kind: ErrorKind,
    },
    #[error("this kernel has no namespace ids (ioctl NS_GET_ID)")]
    NoIds,
    #[error("no container is named {0}, or has an id that starts so")]
    NoContainer(String),
    #[error("container {0} does not run, or has no pid namespace of its own")]
    NotRunning(String),
    #[error("container {id} has no pid namespace of its own, so it has no policy of its own")]
    Shared { id: String, pid: u32 },
    #[error("{wanted} fits {}: {}", .found.len(), .found.join(", "))]
    Ambiguous { wanted: String, found: Vec<String> },
}

impl FromStr for Target {
    type Err = SpellingError;

    fn from_str(word: &str) -> Result<Self, SpellingError> {
        let after = |kind, wants| SpellingError::After {
            word: word.to_owned(),
            kind,
            wants,
        };
        match word.split_once(':') {
            Some(("ns", id)) => number(id)
                .map(Self::Namespace)
                .ok_or_else(|| after("ns", "a namespace id, as `vkctl list` shows it")),
            Some(("pid", pid)) => number(pid)
                .and_then(|pid| pid.try_into().ok())
                .map(Self::Process)
                .ok_or_else(|| after("pid", "a process id")),
            Some(("oci", name)) => is_container_name(name)
                .then(|| Self::Container(name.to_owned()))
                .ok_or_else(|| after("oci", "a container's name or id")),
            Some(_) => Err(SpellingError::Unknown(word.to_owned())),
            None => bare(word),
        }
    }
}

/// Reads a word without a kind in front.
fn bare(word: &str) -> Result<Target, SpellingError> {
    let is_hex = !word.is_empty() && word.bytes().all(|b| b.is_ascii_hexdigit());
    match word {
        "default" => Ok(Target::Default),
        _ if number(word).is_some() => Err(SpellingError::BareNumber(word.to_owned())),
        _ if is_id_prefix(word) => Ok(Target::Container(word.to_owned())),
        _ if is_hex && word.len() < MIN_PREFIX => Err(SpellingError::ShortPrefix(word.to_owned())),
        _ => Err(SpellingError::Unknown(word.to_owned())),
    }
}

/// Reads plain decimal digits, without a sign.
fn number(word: &str) -> Option<u64> {
    let is_decimal = word.bytes().all(|b| b.is_ascii_digit());
    is_decimal.then(|| word.parse().ok()).flatten()
}

/// Tells whether `word` may stand for all container ids that start with it.
pub(crate) fn is_id_prefix(word: &str) -> bool {
    word.len() >= MIN_PREFIX && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Tells whether a runtime takes `name`; in particular it is no path.
fn is_container_name(name: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+-.".contains(&b);
    !name.is_empty() && !matches!(name, "." | "..") && name.bytes().all(is_allowed)
}

impl Target {
    /// Returns the target's name in the protocol: `ns:N` or `default`.
    ///
    /// # Errors
    ///
    /// [`TargetError`]: the process or container is not there, or has no policy of its own.
    pub(crate) fn resolve(&self, system: &System) -> Result<String, TargetError> {
        match self {
            Self::Default => Ok("default".to_owned()),
            Self::Namespace(id) => Ok(format!("ns:{id}")),
            Self::Process(pid) => namespace_of(system, *pid, None),
            Self::Container(name) => {
                let first = container::find(system, name)?;
                namespace_of(system, first.pid, first.started)
            }
        }
    }
}

impl Target {
    /// Returns the first process of the target's pid namespace.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve); `default` has none.
    pub(crate) fn first_process(&self, system: &System) -> Result<u32, Failure> {
        let name = self.resolve(system)?;
        let is_its = |pid: &u32| {
            let is_first = system.status(*pid).is_ok_and(|status| status.is_first());
            is_first && namespace_of(system, *pid, None).is_ok_and(|its| its == name)
        };
        system.pids().into_iter().find(is_its).ok_or_else(|| {
            let why = "parameters that the kernel keeps per namespace need a running container";
            Failure::refused("ESRCH", why)
        })
    }
}

/// Returns the namespace of `pid`, which is the process that started at `started` before and after the look.
fn namespace_of(system: &System, pid: u32, started: Option<u64>) -> Result<String, TargetError> {
    let before = system
        .start_time(pid)
        .map_err(|_| TargetError::NoProcess(pid))?;
    let id = system
        .namespace_id(pid)
        .map_err(|e| refuse_namespace(pid, &e))?;
    let after = system.start_time(pid).ok();
    if after != Some(before) || started.is_some_and(|started| started != before) {
        return Err(TargetError::Ended(pid));
    }
    if id == nsid::HOST {
        return Err(TargetError::Host(pid));
    }
    Ok(format!("ns:{id}"))
}

fn refuse_namespace(pid: u32, error: &io::Error) -> TargetError {
    let errno = crate::errno::name(error);
    match (error.kind(), errno.as_str()) {
        (ErrorKind::NotFound, _) | (_, "ESRCH") => TargetError::Ended(pid),
        (_, "ENOTTY") => TargetError::NoIds,
        _ => TargetError::Unreadable {
            pid,
            errno,
            kind: error.kind(),
        },
    }
}

impl From<SpellingError> for Failure {
    fn from(error: SpellingError) -> Self {
        let hint = match &error {
            SpellingError::BareNumber(number) if number.len() >= MIN_PREFIX => {
                Some(format!("a container id that starts so is oci:{number}"))
            }
            SpellingError::Unknown(word) if is_container_name(word) => {
                Some(format!("a container of that name is oci:{word}"))
            }
            _ => None,
        };
        Self {
            hint,
            ..Self::usage(error)
        }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        use TargetError as E;
        let (errno, hint) = match &error {
            E::NoProcess(_) | E::Ended(_) => ("ESRCH", None),
            E::Host(_) => (
                "EINVAL",
                Some("the host's own values are in /proc/sys/vm and /sys/kernel/mm".to_owned()),
            ),
            E::Unreadable { errno, .. } => (
                errno.as_str(),
                Some("run vkctl as root on the host".to_owned()),
            ),
            E::NoIds => (
                "EOPNOTSUPP",
                Some("take the target's ns:N from `vkctl list --all`".to_owned()),
            ),
            E::NoContainer(_) | E::NotRunning(_) => (
                "ESRCH",
                Some(
                    "`vkctl list --all` shows the namespaces there are; pid:N takes any process in it"
                        .to_owned(),
                ),
            ),
            E::Shared { pid, .. } => (
                "EINVAL",
                Some(format!(
                    "the namespace it shares with others, if not the host's, is that of pid:{pid}"
                )),
            ),
            E::Ambiguous { .. } => ("ENOTUNIQ", Some("write more of the id, or pid:N".to_owned())),
        };
        Self {
            hint,
            ..Self::refused(errno, &error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::fake::Fake;

    fn read(word: &str) -> Result<Target, SpellingError> {
        word.parse()
    }

    fn resolve(fake: &Fake, word: &str) -> Result<String, TargetError> {
        read(word).unwrap().resolve(&fake.system)
    }

    #[test]
    fn reads_each_spelling() {
        assert_eq!(read("ns:4027"), Ok(Target::Namespace(4027)));
        assert_eq!(read("pid:12"), Ok(Target::Process(12)));
        assert_eq!(read("default"), Ok(Target::Default));
        let container = |name: &str| Ok(Target::Container(name.to_owned()));
        assert_eq!(read("3f9a1c"), container("3f9a1c"));
        assert_eq!(read("oci:123456"), container("123456"));
        assert_eq!(read("oci:redis"), container("redis"));
    }

    #[test]
    fn a_bare_number_is_refused_with_its_readings() {
        let error = read("4027").unwrap_err();
        assert_eq!(error, SpellingError::BareNumber("4027".to_owned()));
        let sentence = error.to_string();
        assert!(sentence.contains("ns:4027") && sentence.contains("pid:4027"));
        assert_eq!(Failure::from(error).exit_code(), 2);
    }

    #[test]
    fn refuses_other_words() {
        for word in [
            "",
            "redis",
            "ns:",
            "ns:x",
            "ns:-1",
            "ns:+1",
            "ns:99999999999999999999",
            "pid:",
            "pid:4294967296",
            "pid:self",
            "oci:",
            "oci:..",
            "oci:a/b",
            "host",
            "Default",
            "3f9a1",
            "x:5",
        ] {
            assert!(read(word).is_err(), "{word:?}");
        }
        assert_eq!(
            read("3f9a1"),
            Err(SpellingError::ShortPrefix("3f9a1".to_owned()))
        );
    }

    #[test]
    fn resolves_a_process() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/");
        assert_eq!(resolve(&fake, "pid:30"), Ok("ns:55".to_owned()));
        assert_eq!(resolve(&fake, "pid:31"), Err(TargetError::NoProcess(31)));
    }

    #[test]
    fn resolves_without_looking_what_the_kernel_knows() {
        let fake = Fake::new();
        assert_eq!(resolve(&fake, "ns:9"), Ok("ns:9".to_owned()));
        assert_eq!(resolve(&fake, "default"), Ok("default".to_owned()));
    }

    #[test]
    fn resolves_a_container() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/redis");
        fake.write(
            "run/crun/redis/status",
            r#"{"pid":30,"process-start-time":1030}"#,
        );
        assert_eq!(resolve(&fake, "oci:redis"), Ok("ns:55".to_owned()));
    }

    #[test]
    fn refuses_a_process_of_the_host() {
        let fake = Fake::new();
        fake.process(&[1], 0, "4", "/");
        assert_eq!(resolve(&fake, "pid:1"), Err(TargetError::Host(1)));
    }

    #[test]
    fn says_that_the_kernel_has_no_ids() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "not a number", "/");
        assert_eq!(resolve(&fake, "pid:30"), Err(TargetError::NoIds));
    }

    #[test]
    fn notices_a_pid_that_changed_hands() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/");
        let ended = namespace_of(&fake.system, 30, Some(999));
        assert_eq!(ended, Err(TargetError::Ended(30)));
    }

    #[test]
    fn notices_a_process_that_ends_at_the_look() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55 and ends", "/");
        assert_eq!(resolve(&fake, "pid:30"), Err(TargetError::Ended(30)));
    }
}

//! A command line turned into a request, and what a refusal of it means to the user.

use crate::args::{Set, Verb};
use crate::failure::Failure;
use crate::process::System;
use crate::protocol::{LineError, Request};
use crate::settings;
use crate::target::Target;

/// The value that takes a key's private value away.
const INHERIT: &str = "inherit";

/// A request, and where the user wrote its parts.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) request: Request,
    /// The word for it on the command line.
    pub(crate) verb: &'static str,
    /// Where the target and then each line come from.
    origins: Vec<String>,
    is_forced: bool,
}

impl Order {
    /// Makes the request that `verb` stands for; looks up its target on this system.
    ///
    /// # Errors
    ///
    /// The target is none or not there, or a value cannot be written in a request.
    pub(crate) fn new(verb: &Verb) -> Result<Self, Failure> {
        let order = Self::bare(verb);
        match verb {
            Verb::List { all: true } => order.line("all", "1", "--all"),
            Verb::Show { target } => order.target(target),
            Verb::Set(set) => order.target(&set.target)?.settings(set),
            Verb::Unset { target, keys } => order
                .target(target)?
                .lines(keys.iter().map(|key| (key.as_str(), INHERIT))),
            Verb::Stat {
                target: Some(target),
            } => order.target(target),
            Verb::Arm { features, backend } => order
                .lines(features.iter().map(|f| ("feature", f.as_str())))?
                .backends(backend),
            Verb::Disarm { force, timeout } => order.disarm(*force, *timeout),
            _ => Ok(order),
        }
    }

    /// Makes the request that sets `settings` of the target `word`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn of_settings<'a>(
        word: &str,
        mut settings: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Failure> {
        let verb = Verb::Set(Set {
            target: word.to_owned(),
            settings: Vec::new(),
            file: None,
            profile: None,
        });
        let order = Self::bare(&verb).target(word)?;
        settings.try_fold(order, |order, (key, value)| order.line(key, value, key))
    }

    /// Adds to `failure` where the user wrote what it is about, and what to do.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let at = failure.line.and_then(|line| line.checked_sub(1));
        let origin = at.and_then(|at| self.origins.get(usize::try_from(at).ok()?));
        let hint = failure.hint.clone().or_else(|| self.advice(&failure));
        Failure {
            origin: origin.filter(|origin| !origin.is_empty()).cloned(),
            hint,
            ..failure
        }
    }

    /// Returns what an answer without data means.
    pub(crate) fn nothing(&self) -> Option<&'static str> {
        match self.request.verb() {
            "list" => Some("no namespace has a policy; `vkctl list --all` shows all namespaces"),
            "show" => Some("nothing is set"),
            "stat" => Some("no namespace is counted"),
            "hooks" => Some("no function is hooked"),
            "features" => Some("the module has no features"),
            _ => None,
        }
    }

    fn advice(&self, failure: &Failure) -> Option<String> {
        let verb = self.request.verb();
        let advice = match &*failure.errno {
            // The sentence is about the value, not about who asks.
            "EPERM" if failure.key.is_some() => return None,
            "EPERM" | "EACCES" => {
                "changes need CAP_SYS_ADMIN in the initial user namespace: run vkctl as root on the host, not in a container"
            }
            "EBUSY" if verb == "disarm" && !self.is_forced => {
                "`vkctl disarm --force` takes the hooks out while policies are set"
            }
            "EBUSY" => "`vkctl doctor` tells who holds the function; kernel.ftrace_enabled=0 may stand in the way too",
            "ETIMEDOUT" => "wait longer with --timeout, or end the task",
            "ESRCH" => "`vkctl list --all` shows the namespaces there are",
            "EMSGSIZE" => "a request has at most 64 KiB: set the keys in several steps",
            "EOPNOTSUPP" | "ENODEV" => "`vkctl features` gives the reasons",
            "EPROTONOSUPPORT" => "vkctl and the loaded module do not fit each other; install both from one version",
            "EINVAL" if matches!(verb, "set" | "unset") => "`vkctl set --help` lists the keys",
            "EINVAL" if verb == "arm" => "`vkctl features` lists the names",
            _ => return None,
        };
        Some(advice.to_owned())
    }

    fn bare(verb: &Verb) -> Self {
        let asked = match verb {
            Verb::Doctor => "hooks",
            _ => verb.name(),
        };
        Self {
            request: Request::new(asked),
            verb: verb.name(),
            origins: vec![String::new()],
            is_forced: false,
        }
    }

    fn target(mut self, word: &str) -> Result<Self, Failure> {
        let target: Target = word.parse()?;
        let name = target.resolve(&System::running())?;
        self.request = self.request.target(name);
        self.origins[0] = word.to_owned();
        Ok(self)
    }

    fn settings(self, set: &Set) -> Result<Self, Failure> {
        let settings = settings::collect(&set.settings, set.file.as_deref())?;
        settings.iter().try_fold(self, |order, setting| {
            order.line(&setting.key, &setting.value, &setting.origin)
        })
    }

    fn lines<'a>(
        self,
        mut lines: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Failure> {
        lines.try_fold(self, |order, (key, value)| order.line(key, value, ""))
    }

    fn backends(self, choices: &[String]) -> Result<Self, Failure> {
        choices.iter().try_fold(self, |order, choice| {
            let (function, backend) = choice.split_once('=').unwrap_or((choice, ""));
            order.line(&format!("backend.{function}"), backend, "--backend")
        })
    }

    fn disarm(mut self, force: bool, timeout_s: Option<u32>) -> Result<Self, Failure> {
        self.is_forced = force;
        if force {
            self = self.line("force", "1", "--force")?;
        }
        match timeout_s {
            Some(seconds) => self.line("timeout_s", &seconds.to_string(), "--timeout"),
            None => Ok(self),
        }
    }

    fn line(mut self, key: &str, value: &str, origin: &str) -> Result<Self, Failure> {
        let refuse = |e: LineError| Failure {
            origin: Some(origin.to_owned()).filter(|origin| !origin.is_empty()),
            ..Failure::usage(e)
        };
        self.request = self.request.line(key, value).map_err(refuse)?;
        self.origins.push(origin.to_owned());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn order(line: &str) -> Result<Order, Failure> {
        let words = ["vkctl"].into_iter().chain(line.split(' '));
        Order::new(&crate::args::Args::try_parse_from(words).unwrap().verb)
    }

    fn request(line: &str) -> String {
        String::from_utf8(order(line).unwrap().request.encode()).unwrap()
    }

    #[test]
    fn each_verb_has_its_request() {
        for (line, text) in [
            ("list", "vkernel 1 list\n"),
            ("list --all", "vkernel 1 list\nall=1\n"),
            ("show ns:5", "vkernel 1 show ns:5\n"),
            ("set default a=1 b=x", "vkernel 1 set default\na=1\nb=x\n"),
            ("unset ns:5", "vkernel 1 unset ns:5\n"),
            (
                "unset ns:5 a b",
                "vkernel 1 unset ns:5\na=inherit\nb=inherit\n",
            ),
            ("stat", "vkernel 1 stat\n"),
            ("stat ns:5", "vkernel 1 stat ns:5\n"),
            ("arm", "vkernel 1 arm\n"),
            (
                "arm thp sysctl",
                "vkernel 1 arm\nfeature=thp\nfeature=sysctl\n",
            ),
            (
                "arm --backend f=inline",
                "vkernel 1 arm\nbackend.f=inline\n",
            ),
            ("disarm", "vkernel 1 disarm\n"),
            (
                "disarm --force --timeout 9",
                "vkernel 1 disarm\nforce=1\ntimeout_s=9\n",
            ),
            ("features", "vkernel 1 features\n"),
            ("hooks", "vkernel 1 hooks\n"),
            ("doctor", "vkernel 1 hooks\n"),
        ] {
            assert_eq!(request(line), text);
        }
    }

    #[test]
    fn a_refusal_points_at_what_the_user_wrote() {
        let order = order("set ns:5 a=1 b=2").unwrap();
        let at = |line| {
            let failure = Failure::refused("EINVAL", "no");
            order.explain(Failure { line, ..failure }).origin
        };
        assert_eq!(at(Some(1)).as_deref(), Some("ns:5"));
        assert_eq!(at(Some(3)).as_deref(), Some("\"b=2\""));
        assert_eq!(at(Some(0)), None);
        assert_eq!(at(Some(9)), None);
        assert_eq!(at(None), None);
    }

    #[test]
    fn gives_advice_that_fits_the_command() {
        let advice = |line: &str, errno| {
            order(line)
                .unwrap()
                .explain(Failure::refused(errno, ""))
                .hint
        };
        assert!(advice("set ns:5 a=1", "EPERM")
            .unwrap()
            .contains("CAP_SYS_ADMIN"));
        assert!(advice("disarm", "EBUSY").unwrap().contains("--force"));
        assert!(!advice("disarm --force", "EBUSY")
            .unwrap()
            .contains("--force"));
        assert_eq!(advice("list", "EIO"), None);
    }

    #[test]
    fn names_the_bad_word() {
        let failure = order("set ns:5 a\u{a0}b=1").unwrap_err();
        assert_eq!(failure.origin.as_deref(), Some("\"a\\u{a0}b=1\""));
        assert_eq!(order("show 5").unwrap_err().exit_code(), 2);
    }
}

//! A profile of kernel parameters: the JSON object with `fs`, `kernel`, `net` and `vm`, whose keys may
//! have dots, and `"unsupported": "skip"`.

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::Value;
use vk_sysctl::{Key, Namespace, Standing};

use crate::failure::Failure;

/// The groups, which are the first parts of the names.
const GROUPS: [&str; 4] = ["fs", "kernel", "net", "vm"];

/// What is done about parameters that no container can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unsupported {
    /// The profile is refused.
    #[default]
    Refuse,
    /// The rest is applied.
    Skip,
}

/// One parameter and what it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What a profile asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) unsupported: Unsupported,
    pub(crate) wanted: Vec<Wanted>,
}

/// A profile, by who sets its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sorted {
    /// The module.
    pub(crate) private: Vec<Wanted>,
    /// The kernel, inside a namespace of the container.
    pub(crate) native: Vec<(Namespace, Wanted)>,
    /// Nobody, and why.
    pub(crate) refused: Vec<(String, String)>,
}

impl Profile {
    /// Reads the profile in `path`.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none; with the line.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let place = path.display();
        let text = fs::read_to_string(path).map_err(|e| Failure::io(&place, &e))?;
        Self::parse(&text).map_err(|why| Failure::usage(format_args!("{place}: {why}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let Members(members) = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let mut profile = Self::default();
        for (group, value) in members {
            match (group.as_str(), value) {
                ("unsupported", Member::Other(Value::String(word))) => {
                    profile.unsupported = match word.as_str() {
                        "refuse" => Unsupported::Refuse,
                        "skip" => Unsupported::Skip,
                        _ => return Err("unsupported is \"refuse\" or \"skip\"".to_owned()),
                    };
                }
                (group, Member::Group(Members(keys))) if GROUPS.contains(&group) => {
                    for (key, value) in keys {
                        let name = format!("{group}.{key}");
                        let value = text_of(&value).ok_or_else(|| {
                            format!("{name}: a value is a number, a string or numbers in []")
                        })?;
                        profile.wanted.push(Wanted { name, value });
                    }
                }
                (other, _) => {
                    return Err(format!(
                        "{other:?} is none of fs, kernel, net, vm, unsupported"
                    ))
                }
            }
        }
        Ok(profile)
    }

    /// Sorts by who sets what; `served` are the keys that the module has, `host` gives the text of
    /// the host's own value.
    pub(crate) fn sort(&self, served: &[String], host: impl Fn(&str) -> Option<String>) -> Sorted {
        let mut sorted = Sorted::default();
        for wanted in &self.wanted {
            let name = &wanted.name;
            match Standing::of(name.as_bytes()) {
                Some(Standing::Private(Key::PidMax)) => {
                    sorted.native.push((Namespace::Pid, wanted.clone()));
                }
                Some(Standing::Private(key)) if served.contains(name) => {
                    match too_lax(key, &wanted.value, host(name)) {
                        Some(why) => sorted.refused.push((name.clone(), why)),
                        None => sorted.private.push(wanted.clone()),
                    }
                }
                // Shown for "none", and not taken.
                Some(Standing::Namespaced(_))
                    if name.ends_with("_next_id") && wanted.value == "-1" => {}
                Some(Standing::Namespaced(row)) => {
                    sorted.native.push((row.namespace, wanted.clone()));
                }
                Some(Standing::Unsupported(row)) => {
                    sorted.refused.push((name.clone(), row.reason.to_owned()));
                }
                Some(_) => {
                    let why = "the module does not enforce it".to_owned();
                    sorted.refused.push((name.clone(), why));
                }
                None => {
                    let why = "not a parameter that vkctl knows".to_owned();
                    sorted.refused.push((name.clone(), why));
                }
            }
        }
        sorted
    }
}

/// Why no container can have `value` while the host has its own. What is no value is left to the
/// module.
fn too_lax(key: Key, value: &str, host: Option<String>) -> Option<String> {
    let value = key.parse(value.as_bytes()).ok()?;
    let host = key.parse(host?.trim().as_bytes()).ok()?;
    let error = key.check(value, host).err()?;
    Some(format!(
        "{value} is laxer than the host's {host}: {}",
        error.why
    ))
}

/// Reads the host's own value.
pub(crate) fn of_host(name: &str) -> Option<String> {
    fs::read_to_string(crate::native::path_of(name)).ok()
}

/// Writes a value as the file takes it.
fn text_of(value: &Member) -> Option<String> {
    let Member::Other(value) = value else {
        return None;
    };
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.contains('\n') => Some(text.clone()),
        Value::Array(numbers) => {
            let words: Option<Vec<String>> = numbers
                .iter()
                .map(|it| it.as_number().map(ToString::to_string))
                .collect();
            words.map(|words| words.join("\t"))
        }
        _ => None,
    }
}

/// The members of an object in their order, each name once.
#[derive(Debug)]
struct Members(Vec<(String, Member)>);

#[derive(Debug)]
enum Member {
    Group(Members),
    Other(Value),
}

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Visitor).map(|member| match member {
            Member::Group(members) => members,
            Member::Other(_) => Self(Vec::new()),
        })
    }
}

impl<'de> serde::Deserialize<'de> for Member {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Visitor)
    }
}

/// Reads anything, an object member by member.
struct Visitor;

impl<'de> serde::de::Visitor<'de> for Visitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, a number, a string or numbers")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        let mut members: Vec<(String, Member)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Member>()? {
            if members.iter().any(|(its, _)| *its == name) {
                return Err(serde::de::Error::custom(format!(
                    "{name:?} stands here twice"
                )));
            }
            members.push((name, value));
        }
        Ok(Member::Group(Members(members)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Other(Value::from(text)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member, E> {
        Ok(Member::Other(Value::from(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Member, E> {
        Ok(Member::Other(Value::from(number)))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Member, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = seq.next_element::<Value>()? {
            all.push(value);
        }
        Ok(Member::Other(Value::Array(all)))
    }
}

/// What is told of parameters that are not set, one in a line.
pub(crate) fn reasons(refused: &[(String, String)]) -> String {
    let lines = refused.iter().map(|(name, why)| format!("{name}: {why}"));
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(text: &str) -> Sorted {
        let served = ["vm.max_map_count", "vm.mmap_min_addr", "fs.nr_open"];
        Profile::parse(text)
            .unwrap()
            .sort(&served.map(String::from), |_| Some("65536\n".to_owned()))
    }

    #[test]
    fn what_is_laxer_than_the_host_where_none_may_be_is_refused_by_name() {
        let sorted = sorted(r#"{"vm": {"mmap_min_addr": 4096, "max_map_count": 262144}}"#);
        let name = "vm.mmap_min_addr".to_owned();
        let why = "4096 is laxer than the host's 65536: it protects the kernel that all share";
        assert_eq!(sorted.refused, [(name, why.to_owned())]);
        let private: Vec<_> = sorted.private.iter().map(|it| &*it.name).collect();
        assert_eq!(private, ["vm.max_map_count"]);
    }

    #[test]
    fn each_parameter_goes_to_who_sets_it() {
        let sorted = sorted(
            r#"{"fs": {"nr_open": 1024, "file-max": 7, "mqueue.msg_max": 20},
                "kernel": {"msgmax": 8192, "pid_max": 1000, "sem": [250, 32000, 32, 128],
                           "msg_next_id": -1},
                "net": {"core.busy_poll": 1, "ipv4.ip_forward": "1"}, "vm": {"swapiness": 1}}"#,
        );
        let private: Vec<_> = sorted.private.iter().map(|it| &*it.name).collect();
        assert_eq!(private, ["fs.nr_open"]);
        let native: Vec<_> = sorted
            .native
            .iter()
            .map(|(ns, it)| (*ns, &*it.name, &*it.value))
            .collect();
        assert_eq!(
            native,
            [
                (Namespace::Ipc, "fs.mqueue.msg_max", "20"),
                (Namespace::Ipc, "kernel.msgmax", "8192"),
                (Namespace::Pid, "kernel.pid_max", "1000"),
                (Namespace::Ipc, "kernel.sem", "250\t32000\t32\t128"),
                (Namespace::Net, "net.ipv4.ip_forward", "1"),
            ]
        );
        let refused: Vec<_> = sorted.refused.iter().map(|(name, _)| &**name).collect();
        assert_eq!(
            refused,
            ["fs.file-max", "net.core.busy_poll", "vm.swapiness"]
        );
    }

    #[test]
    fn a_profile_is_strict() {
        for (text, part) in [
            ("{\n\"vm\": {...}}", "line 2"),
            (r#"{"vm": {}, "vm": {}}"#, "twice"),
            (r#"{"vm": {"a": 1, "a": 2}}"#, "twice"),
            (r#"{"vmm": {}}"#, "none of fs"),
            (r#"{"vm": {"a": true}}"#, "invalid type"),
            (r#"{"vm": {"a": {"b": 1}}}"#, "vm.a: a value is"),
            (r#"{"vm": 1}"#, "none of fs"),
            (r#"{"unsupported": "maybe"}"#, "unsupported is"),
            (r#"{"vm": {"a": 1.5}}"#, "invalid type"),
        ] {
            let why = Profile::parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
        let skips = Profile::parse(r#"{"unsupported": "skip"}"#).unwrap();
        assert_eq!(skips.unsupported, Unsupported::Skip);
    }
}

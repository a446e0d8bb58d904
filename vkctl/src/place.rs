//! Where the namespaces of a list are: the memory cgroup of their init, and the container that it is.

use crate::container;
use crate::process::System;
use crate::record::Record;

/// What is known of a namespace's init beside what the module says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    cgroup: String,
    container: Option<String>,
    has_own_cgroup: bool,
}

/// Adds to each line of `list` the fields `cgroup`, `container` and, where there is no policy, the
/// `reason` why it is no container; of an init that has ended, nothing.
pub(crate) fn add(system: &System, records: &mut [Record]) {
    let mut containers = None;
    for record in records {
        let containers = containers.get_or_insert_with(|| container::by_process(system));
        let Some(place) = of(system, record, containers) else {
            continue;
        };
        let has_policy = record.field("policy") != Some("none");
        if let Some(reason) = place.reason().filter(|_| !has_policy) {
            record.push("reason", reason);
        }
        if let Some(id) = &place.container {
            record.push("container", id);
        }
        record.push("cgroup", &place.cgroup);
    }
}

/// Looks at the init that `record` names, which must be in that namespace before and after the look.
fn of(system: &System, record: &Record, containers: &container::ByProcess) -> Option<Place> {
    let id: u64 = record.name()?.strip_prefix("ns:")?.parse().ok()?;
    let pid: u32 = record.field("pid")?.parse().ok()?;
    let is_in_it = || system.namespace_id(pid).is_ok_and(|its| its == id);
    if !is_in_it() {
        return None;
    }
    let cgroup = system.memory_cgroup(pid)?;
    let parent = system.status(pid).ok()?.parent;
    let has_own_cgroup = system.memory_cgroup(parent).as_ref() != Some(&cgroup)
        && system.has_memory_controller(&cgroup);
    let container = containers
        .get(&pid)
        .cloned()
        .or_else(|| container::innermost_id(&cgroup));
    is_in_it().then_some(Place {
        cgroup,
        container,
        has_own_cgroup,
    })
}

impl Place {
    /// Returns why it is no container, if it is none.
    fn reason(&self) -> Option<&'static str> {
        match self {
            Self {
                has_own_cgroup: false,
                ..
            } => Some("no memory cgroup of its own"),
            Self {
                container: None, ..
            } => Some("no OCI container id"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::fake::Fake;

    fn id(start: &str) -> String {
        format!("{start:0<64}")
    }

    fn added(fake: &Fake, line: &str) -> String {
        let mut records = [Record::parse(line).unwrap()];
        add(&fake.system, &mut records);
        records[0].to_string()
    }

    #[test]
    fn shows_the_container_of_the_cgroup() {
        let fake = Fake::new();
        let scope = format!("/system.slice/docker-{}.scope", id("3f9a1c"));
        fake.process(&[7], 1, "4", "/system.slice/containerd.service");
        fake.process(&[30, 1], 7, "55", &scope);
        assert_eq!(
            added(&fake, "ns:55 pid=30 policy=none"),
            format!(
                "ns:55 pid=30 policy=none container={} cgroup={scope}",
                id("3f9a1c")
            )
        );
    }

    #[test]
    fn shows_the_name_that_a_runtime_gave() {
        let fake = Fake::new();
        fake.process(&[7], 1, "4", "/shell");
        fake.process(&[30, 1], 7, "55", "/redis");
        fake.write(
            "run/crun/redis/status",
            r#"{"pid":30,"process-start-time":1030}"#,
        );
        assert_eq!(
            added(&fake, "ns:55 pid=30 policy=own"),
            "ns:55 pid=30 policy=own container=redis cgroup=/redis"
        );
    }

    #[test]
    fn says_why_one_is_no_container() {
        let fake = Fake::new();
        fake.process(&[7], 1, "4", "/shell");
        fake.process(&[30, 1], 7, "55", "/shell");
        assert_eq!(
            added(&fake, "ns:55 pid=30 policy=none"),
            "ns:55 pid=30 policy=none reason=no memory cgroup of its own cgroup=/shell"
        );
        fake.process(&[31, 1], 7, "56", "/other");
        assert_eq!(
            added(&fake, "ns:56 pid=31 policy=none"),
            "ns:56 pid=31 policy=none reason=no OCI container id cgroup=/other"
        );
        // Who has a policy needs no excuse.
        assert_eq!(
            added(&fake, "ns:56 pid=31 policy=own"),
            "ns:56 pid=31 policy=own cgroup=/other"
        );
    }

    #[test]
    fn a_namespace_inside_a_container_is_not_the_container() {
        let fake = Fake::new();
        let scope = format!("/docker/{}", id("3f9a1c"));
        fake.process(&[30, 1], 7, "55", &scope);
        fake.process(&[31, 2, 1], 30, "56", &scope);
        let text = added(&fake, "ns:56 pid=31 policy=none");
        assert!(
            text.contains("reason=no memory cgroup of its own"),
            "{text}"
        );
    }

    #[test]
    fn a_cgroup_without_the_controller_is_no_memory_cgroup() {
        let fake = Fake::new();
        fake.write("cgroup/cgroup.controllers", "memory\n");
        fake.write("cgroup/with/memory.max", "max\n");
        fake.process(&[7], 1, "4", "/shell");
        fake.process(&[30, 1], 7, "55", "/with");
        fake.process(&[31, 1], 7, "56", "/without");
        let with = added(&fake, "ns:55 pid=30 policy=none");
        assert!(with.contains("reason=no OCI container id"), "{with}");
        let without = added(&fake, "ns:56 pid=31 policy=none");
        assert!(without.contains("reason=no memory cgroup"), "{without}");
    }

    #[test]
    fn says_nothing_of_another_process_with_that_pid() {
        let fake = Fake::new();
        fake.process(&[30, 1], 7, "55", "/shell");
        let line = "ns:54 pid=30 policy=none comm=a reason=b";
        assert_eq!(added(&fake, line), line);
        assert_eq!(added(&fake, "ns:55 policy=none"), "ns:55 policy=none");
    }
}

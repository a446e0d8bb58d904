//! The verbs `list` and `show`.

use crate::control::{gone, no_lines, unknown_key, yes_no, Answer};
use crate::engine::is_enforced;
use crate::facts::{kept_of, live, own_of};
use crate::memory::{self, Owner};
use crate::output::Output;
use crate::parameter;
use crate::registry;
use core::fmt::Write;
use vk_ffi_shims::{with_memcg, ControlGuard, Feature, Init, Namespace, ReadGuard};
use vk_reference_module::{
    Comm, Errno, Key, Own, Refusal, Request, Setting, Shown, Source, Target,
};

pub(crate) fn list<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    let mut is_all = false;
    for line in request.lines() {
        let line = line?;
        match (line.key, line.value) {
            (b"all", b"1") => is_all = true,
            (b"all", b"0") => is_all = false,
            (b"all", _) => {
                return Err(Refusal::plain(Errno::EINVAL, "all is 0 or 1").at(line.number, line.key))
            }
            _ => return Err(unknown_key(&line)),
        }
    }
    let control = ControlGuard::lock();
    for facts in live()?.iter() {
        let own = facts
            .own
            .or_else(|| kept_of(&control, facts.number))
            .unwrap_or_default();
        let policy = if own.is_set() {
            "own"
        } else if facts.has_policy {
            "inherited"
        } else {
            "none"
        };
        if policy == "none" && !is_all {
            continue;
        }
        write!(out, "ns:{} parent=", facts.number).ok();
        match facts.parent {
            Some(parent) => write!(out, "ns:{parent}").ok(),
            None => out.write_str("host").ok(),
        };
        let init = facts.init.unwrap_or(Init {
            pid: 0,
            comm: [0; 16],
        });
        write!(
            out,
            " level={} pid={} tasks={} state={} policy={policy} enforced={}",
            facts.level,
            init.pid,
            facts.tasks,
            if facts.init.is_some() {
                "live"
            } else {
                "dying"
            },
            yes_no(is_enforced() && policy != "none"),
        )
        .ok();
        for key in Key::ALL {
            if let Some(setting) = own.get(key) {
                write!(out, " {key}={setting}").ok();
            }
        }
        writeln!(out, " comm={}", Comm(init.comm)).ok();
    }
    Ok(())
}

fn host_value(key: Key) -> Option<Setting> {
    match key {
        Key::Thp(key) => host_thp_value(key).map(Setting::Thp),
        Key::Sysctl(key) => parameter::host(key).map(Setting::Sysctl),
    }
}

fn host_thp_value(key: vk_thp::Key) -> Option<vk_thp::Value> {
    use vk_ffi_shims::{shmem, thp, zero_page};
    use vk_thp::{Defrag, Enabled, Key, ShmemEnabled, Switch, Value};
    match key {
        Key::Enabled => Enabled::from_raw(thp::host_enabled()).map(Value::Enabled),
        Key::Defrag => Defrag::from_raw(thp::host_defrag()).map(Value::Defrag),
        Key::ShmemEnabled => ShmemEnabled::from_raw(shmem::host()).map(Value::ShmemEnabled),
        Key::UseZeroPage => Switch::from_raw(u8::from(zero_page::host())).map(Value::UseZeroPage),
        // It runs for whoever has huge pages.
        Key::Khugepaged => Some(Value::Khugepaged(Switch::On)),
    }
}

/// What is enforced of a private value: not more than the host has where no container may.
fn enforced(key: Key, setting: Setting) -> Setting {
    match (key, setting) {
        (Key::Sysctl(key), Setting::Sysctl(value)) => {
            Setting::Sysctl(parameter::enforced(key, value))
        }
        _ => setting,
    }
}

/// Whether all hooks that a key needs can be there.
fn is_served(key: Key) -> bool {
    let features: &[Feature] = match key {
        Key::Thp(vk_thp::Key::Defrag) => &[Feature::ThpDefrag],
        Key::Thp(vk_thp::Key::ShmemEnabled) => &[Feature::ThpShmem],
        Key::Thp(vk_thp::Key::UseZeroPage) => &[Feature::ThpZeroPage],
        Key::Thp(_) => &[Feature::Thp],
        Key::Sysctl(key) => vk_reference_module::features(key),
    };
    features.iter().all(|feature| feature.refusal().is_empty())
}

fn show_key(out: &mut Output, key: Key, value: Option<Setting>, source: Origin, own: &Own) {
    let rule = own.rule(key);
    let value = value
        .map(|value| enforced(key, value))
        .or_else(|| is_served(key).then(|| host_value(key)).flatten());
    write!(out, "{key}={} source=", Shown(value)).ok();
    match source {
        Origin::Own => out.write_str("own").ok(),
        Origin::Namespace(number) => write!(out, "ns:{number}").ok(),
        Origin::Host => out.write_str("host").ok(),
        Origin::Default => out.write_str("default").ok(),
    };
    writeln!(
        out,
        " {rule} enforced={}",
        yes_no(is_enforced() && is_served(key)),
    )
    .ok();
}

enum Origin {
    Own,
    Namespace(u64),
    Host,
    Default,
}

pub(crate) fn show<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    no_lines(request)?;
    let control = ControlGuard::lock();
    let number = match request.target {
        Some(Target::Namespace(number)) => number,
        _ => {
            let own = registry::default_own();
            for key in Key::ALL {
                let origin = match own.get(key) {
                    Some(_) => Origin::Default,
                    None => Origin::Host,
                };
                show_key(out, key, own.get(key), origin, &own);
            }
            return Ok(());
        }
    };
    if Namespace::of_id(&ReadGuard::new(), number).is_none() {
        return Err(gone());
    }
    let own = own_of(&control, number).unwrap_or_default();
    for key in Key::ALL {
        let (value, origin) = effective_of(number, key, &own);
        show_key(out, key, value, origin, &own);
    }
    Ok(())
}

/// `owner` with the line `cgroup=ID`: whose the pages are that are charged to the cgroup.
pub(crate) fn owner<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    let mut id = None;
    for line in request.lines() {
        let line = line?;
        let number = core::str::from_utf8(line.value).ok().map(str::parse);
        match (line.key, number) {
            (b"cgroup", Some(Ok(number))) => id = Some(number),
            (b"cgroup", _) => {
                let refusal =
                    Refusal::plain(Errno::EINVAL, "a cgroup is the number of its directory");
                return Err(refusal.at(line.number, line.key));
            }
            _ => return Err(unknown_key(&line)),
        }
    }
    let Some(id) = id else {
        return Err(Refusal::plain(
            Errno::EINVAL,
            "owner takes the line cgroup=ID",
        ));
    };
    let found = with_memcg(id, |memcg| {
        let read = ReadGuard::new();
        match memory::owner(&read, memcg) {
            Owner::Container(container) => Some(container.id.number),
            Owner::Ambiguous => None,
            Owner::Nobody => Some(0),
        }
    });
    match found {
        None => return Err(Refusal::plain(Errno::ESRCH, "there is no such cgroup")),
        Some(None) => writeln!(out, "cgroup:{id} owner=ambiguous").ok(),
        Some(Some(0)) => writeln!(out, "cgroup:{id} owner=nobody").ok(),
        Some(Some(number)) => writeln!(out, "cgroup:{id} owner=ns:{number}").ok(),
    };
    Ok(())
}

fn effective_of(number: u64, key: Key, own: &Own) -> (Option<Setting>, Origin) {
    let read = ReadGuard::new();
    let Some(container) = registry::find_number(&read, number) else {
        // The hooks are out: what is kept, or the host's.
        let origin = match own.get(key) {
            Some(_) => Origin::Own,
            None => Origin::Host,
        };
        return (own.get(key), origin);
    };
    let effective = container.effective(&read);
    let origin = match effective.source(key) {
        Source::Host => Origin::Host,
        Source::Namespace(id) if id == container.id => Origin::Own,
        Source::Namespace(id) => Origin::Namespace(id.number),
    };
    (effective.get(key), origin)
}

//! The verbs of the control device.

use crate::charge;
use crate::container::{Container, Id};
use crate::engine::{self, is_enforced, Kept};
use crate::output::{Comm, Hex, Output};
use crate::registry::{self, ChangeError};
use core::fmt::Write;
use core::sync::atomic::Ordering;
use kernel::prelude::*;
use vk_ffi_shims::{
    current_is_admin, current_pid, each_namespace, ControlGuard, Feature, Ftrace, Init, Kind,
    Namespace, ReadGuard, SubjectKind,
};
use vk_reference_module::{
    Errno, Field, Key, Line, Own, Refusal, Request, Setting, Source, Target, Verb, What,
};

/// Who opened the device.
pub(crate) struct Opener {
    /// CAP_SYS_ADMIN in the initial user namespace, at that time.
    pub(crate) is_admin: bool,
    /// The 64-bit id of its pid namespace, `None` for the host.
    pub(crate) ns: Option<u64>,
}

type Answer<'a> = core::result::Result<(), Refusal<'a>>;

/// How long `disarm` waits for a sleeper, unless told otherwise.
const DISARM_TIMEOUT_S: u32 = 10;

/// Carries out one request. Process context, may sleep.
pub(crate) fn answer<'a>(opener: &Opener, text: &'a [u8], out: &mut Output) -> Answer<'a> {
    let request = Request::parse(text)?;
    if request.verb.is_change() {
        let sentence = if !opener.is_admin {
            "the opener of the device lacks CAP_SYS_ADMIN in the initial user namespace"
        } else {
            "CAP_SYS_ADMIN in the initial user namespace is needed"
        };
        if !opener.is_admin || !current_is_admin() {
            return Err(Refusal::plain(Errno::EPERM, sentence));
        }
    }
    out.write_str("ok\n").ok();
    match request.verb {
        Verb::List => list(&request, out),
        Verb::Show => show(&request, out),
        Verb::Stat => stat(&request, out),
        Verb::Features => features(&request, out),
        Verb::Hooks => hooks(&request, out),
        Verb::Set => set(opener, &request, out),
        Verb::Unset => unset(opener, &request, out),
        Verb::Arm => arm(&request, out),
        Verb::Disarm => disarm(&request),
    }
}

fn yes_no(yes: bool) -> &'static str {
    if yes {
        "yes"
    } else {
        "no"
    }
}

fn unknown_key<'a>(line: &Line<'a>) -> Refusal<'a> {
    Refusal::plain(
        Errno::EINVAL,
        "unknown key; `show` of a target lists the keys",
    )
    .at(line.number, line.key)
}

fn no_lines<'a>(request: &Request<'a>) -> Answer<'a> {
    match request.lines().next() {
        None => Ok(()),
        Some(line) => Err(unknown_key(&line?)),
    }
}

fn gone() -> Refusal<'static> {
    Refusal::plain(
        Errno::ESRCH,
        "there is no such pid namespace, or it has no process any more",
    )
}

fn no_memory() -> Refusal<'static> {
    Refusal::plain(Errno::ENOMEM, "no memory; nothing was changed")
}

// ---- Reading ----

/// What is known of a namespace, apart from its policy.
struct Facts {
    number: u64,
    parent: Option<u64>,
    level: u32,
    tasks: u32,
    init: Option<Init>,
    /// What was set for it, if the registry knows it.
    own: Option<Own>,
    /// Some key is private, its own or inherited.
    has_policy: bool,
    /// It has a commit policy, its own or inherited.
    has_books: bool,
}

impl Facts {
    fn of(ns: Namespace<'_>) -> Self {
        let read = ReadGuard::new();
        let known = registry::find(&read, ns);
        let effective = known.map(|container| container.effective(&read));
        let has_policy = effective
            .is_some_and(|effective| Key::ALL.into_iter().any(|key| effective.get(key).is_some()));
        Self {
            own: known
                .filter(|container| container.id == Container::identify(ns))
                .map(registry::own),
            has_policy,
            has_books: effective.is_some_and(|effective| effective.books().is_some()),
            number: ns.id(),
            parent: ns.parent().map(Namespace::id),
            level: ns.level(),
            tasks: ns.tasks(),
            init: ns.init(),
        }
    }
}

/// Collects the namespaces that have an init. Process context.
fn live() -> core::result::Result<KVVec<Facts>, Refusal<'static>> {
    let mut found = KVVec::new();
    loop {
        found.clear();
        let mut missed = 0_usize;
        each_namespace(|ns| {
            if found.push_within_capacity(Facts::of(ns)).is_err() {
                missed += 1;
            }
            true
        });
        if missed == 0 {
            return Ok(found);
        }
        let more = found.len() + missed + 8;
        found.clear();
        found.reserve(more, GFP_KERNEL).map_err(|_| no_memory())?;
    }
}

/// Where the policy of a namespace is kept.
fn own_of(control: &ControlGuard, number: u64) -> Option<Own> {
    let read = ReadGuard::new();
    if let Some(container) = registry::find_number(&read, number) {
        return Some(registry::own(container));
    }
    kept_of(control, number)
}

/// What is kept of a namespace while the hooks are out.
fn kept_of(control: &ControlGuard, number: u64) -> Option<Own> {
    engine::kept(control)
        .iter()
        .find(|kept| kept.number == number)
        .map(|kept| kept.own)
}

fn list<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
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
        writeln!(out, " comm={}", Comm(&init.comm)).ok();
    }
    Ok(())
}

fn optional(setting: Option<Setting>) -> Shown {
    Shown(setting)
}

/// A value, or `-`.
struct Shown(Option<Setting>);

impl core::fmt::Display for Shown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(setting) => write!(f, "{setting}"),
            None => f.write_str("-"),
        }
    }
}

fn host_value(key: Key) -> Option<Setting> {
    use vk_sysctl::{Key as Sysctl, Value};
    let host = vk_ffi_shims::overcommit::host();
    match key {
        Key::ThpEnabled => {
            vk_thp::Enabled::from_raw(vk_ffi_shims::thp::host_enabled()).map(Setting::Thp)
        }
        Key::Sysctl(Sysctl::OvercommitMemory) => Some(Setting::Sysctl(Value::Int(host.mode))),
        Key::Sysctl(Sysctl::OvercommitRatio) => Some(Setting::Sysctl(Value::Int(host.ratio))),
        Key::Sysctl(Sysctl::OvercommitKbytes) => {
            Some(Setting::Sysctl(Value::UnsignedLong(host.kbytes)))
        }
        Key::Sysctl(_) => None,
    }
}

/// Whether the symbols behind a key's host value are there.
fn is_served(key: Key) -> bool {
    let feature = match key {
        Key::ThpEnabled => Feature::Thp,
        Key::Sysctl(_) => Feature::Overcommit,
    };
    feature.refusal().is_empty()
}

fn show_key(out: &mut Output, key: Key, value: Option<Setting>, source: Origin, own: &Own) {
    let rule = own.rule(key);
    let value = value.or_else(|| is_served(key).then(|| host_value(key)).flatten());
    write!(out, "{key}={} source=", optional(value)).ok();
    match source {
        Origin::Own => out.write_str("own").ok(),
        Origin::Namespace(number) => write!(out, "ns:{number}").ok(),
        Origin::Host => out.write_str("host").ok(),
        Origin::Default => out.write_str("default").ok(),
    };
    writeln!(
        out,
        " inside={} min={} max={} enforced={}",
        if rule.is_writable { "rw" } else { "ro" },
        optional(rule.min),
        optional(rule.max),
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

fn show<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
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
    if !live()?.iter().any(|facts| facts.number == number) {
        return Err(gone());
    }
    let own = own_of(&control, number).unwrap_or_default();
    for key in Key::ALL {
        let (value, origin) = effective_of(number, key, &own);
        show_key(out, key, value, origin, &own);
    }
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

fn stat<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    const PAGE: u64 = 4096;
    no_lines(request)?;
    let _control = ControlGuard::lock();
    let wanted = match request.target {
        Some(Target::Default) => {
            return Err(Refusal::plain(Errno::EINVAL, "default has no counters"))
        }
        Some(Target::Namespace(number)) => Some(number),
        None => None,
    };
    let mut is_found = false;
    let live = live()?;
    for facts in live.iter() {
        if wanted.is_some_and(|number| number != facts.number) {
            continue;
        }
        is_found = true;
        let mut held = None;
        let mut limit = None;
        each_namespace(|ns| {
            if !facts.has_books {
                return false;
            }
            if ns.id() != facts.number {
                return true;
            }
            let read = ReadGuard::new();
            if let Some(container) = registry::find(&read, ns) {
                let effective = container.effective(&read);
                held = charge::held_pages(ns, effective);
                limit = charge::limit_pages(ns, effective);
            }
            false
        });
        let read = ReadGuard::new();
        let Some(container) = registry::find_number(&read, facts.number) else {
            continue;
        };
        let snapshot = Stat::of(&read, container);
        drop(read);
        if wanted.is_none() && held.is_none() && snapshot.is_empty() {
            continue;
        }
        writeln!(
            out,
            "ns:{} held={} maxheld={} limit={} failcnt={} recounts={} thp_granted={} thp_denied={} writes_denied={}",
            facts.number,
            held.unwrap_or(0).saturating_mul(PAGE),
            snapshot.max_held_pages.saturating_mul(PAGE),
            limit.unwrap_or(0).saturating_mul(PAGE),
            snapshot.failcnt,
            snapshot.recounts,
            snapshot.thp_granted,
            snapshot.thp_denied,
            snapshot.writes_denied,
        )
        .ok();
    }
    if wanted.is_some() && !is_found {
        return Err(gone());
    }
    Ok(())
}

/// A container's counters, taken at once.
struct Stat {
    max_held_pages: u64,
    failcnt: u64,
    recounts: u64,
    thp_granted: u64,
    thp_denied: u64,
    writes_denied: u64,
}

impl Stat {
    fn of(read: &ReadGuard, container: &Container) -> Self {
        let account = container
            .effective(read)
            .books()
            .map_or(&container.books, |(_, books)| books);
        let load = |counter: &core::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            max_held_pages: account.account.max_held_pages(),
            failcnt: account.account.failcnt(),
            recounts: account.account.recounts(),
            thp_granted: load(&container.counters.thp_granted),
            thp_denied: load(&container.counters.thp_denied),
            writes_denied: load(&container.counters.writes_denied),
        }
    }

    fn is_empty(&self) -> bool {
        self.failcnt == 0 && self.thp_granted == 0 && self.thp_denied == 0
    }
}

fn features<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    no_lines(request)?;
    let control = ControlGuard::lock();
    for feature in Feature::ALL {
        let why = feature.refusal();
        let state = if why.is_empty() { "served" } else { "refused" };
        let armed = yes_no(engine::is_armed(&control, feature));
        write!(out, "{} state={state} armed={armed}", feature.name()).ok();
        if feature == Feature::Thp {
            let gate = if vk_ffi_shims::thp::gate_is_open() {
                "open"
            } else {
                "closed"
            };
            write!(out, " gate={gate}").ok();
        }
        if feature == Feature::Lifecycle {
            write!(out, " failed_births={}", registry::failed_births()).ok();
        }
        if !why.is_empty() {
            write!(out, " reason={why}").ok();
        }
        out.write_char('\n').ok();
    }
    Ok(())
}

fn hooks<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    no_lines(request)?;
    let _control = ControlGuard::lock();
    for info in Ftrace::ids().filter_map(Ftrace::info) {
        let kind = match info.kind {
            Kind::Pass => "pass",
            Kind::Shadow => "shadow",
            Kind::Repl => "repl",
            Kind::Around => "around",
        };
        let subject = match info.subject {
            SubjectKind::None => "none",
            SubjectKind::Current => "current",
            SubjectKind::Mm => "mm",
            SubjectKind::Vma => "vma",
        };
        let entry = info.entry.get(..info.entry_len).unwrap_or(&[]);
        write!(
            out,
            "{} feature={} kind={kind} subject={subject} backend=ftrace-direct state={} addr={:#x} entry={}",
            info.symbol,
            info.feature.name(),
            info.state.as_str(),
            info.address,
            Hex(entry),
        )
        .ok();
        if !info.refusal.is_empty() {
            write!(out, " reason={}", info.refusal).ok();
        }
        out.write_char('\n').ok();
    }
    Ok(())
}

// ---- Changing ----

/// What `set` and `unset` are about.
enum Place {
    Container(Id),
    Default,
    /// The hooks are out: only what is kept changes.
    Kept(u64),
}

/// Finds the target, if opener and writer are in ancestors of it.
fn place<'a>(
    opener: &Opener,
    control: &ControlGuard,
    target: Option<Target>,
) -> core::result::Result<(Place, Own), Refusal<'a>> {
    let number = match target {
        Some(Target::Namespace(number)) => number,
        _ => {
            if opener.ns.is_some() || Namespace::of_current(&ReadGuard::new()).is_some() {
                return Err(Refusal::plain(
                    Errno::EPERM,
                    "only the host changes the default",
                ));
            }
            return Ok((Place::Default, registry::default_own()));
        }
    };
    let mut found = None;
    each_namespace(|ns| {
        if ns.id() != number {
            return true;
        }
        found = Some((is_above(opener, ns), ns.is_below_current()));
        false
    });
    match found {
        None => return Err(gone()),
        Some((true, true)) => {}
        Some(_) => {
            return Err(Refusal::plain(
                Errno::EPERM,
                "the target is not below the pid namespace of both opener and writer",
            ))
        }
    }
    let read = ReadGuard::new();
    if let Some(container) = registry::find_number(&read, number) {
        return Ok((Place::Container(container.id), registry::own(container)));
    }
    if is_enforced() {
        return Err(gone());
    }
    let own = own_of(control, number).unwrap_or_default();
    Ok((Place::Kept(number), own))
}

/// Tells whether the opener's namespace is an ancestor of `ns`.
fn is_above(opener: &Opener, ns: Namespace<'_>) -> bool {
    let Some(number) = opener.ns else { return true };
    let mut at = ns.parent();
    while let Some(ancestor) = at {
        if ancestor.id() == number {
            return true;
        }
        at = ancestor.parent();
    }
    false
}

fn apply_line<'a>(own: &mut Own, line: &Line<'a>) -> Answer<'a> {
    let Some((key, field)) = Key::from_name(line.key) else {
        return Err(unknown_key(line));
    };
    let refuse = |sentence| Refusal::plain(Errno::EINVAL, sentence).at(line.number, line.key);
    let parse = |text| {
        key.parse(text)
            .map_err(|what| Refusal::new(Errno::EINVAL, what).at(line.number, line.key))
    };
    if field == Field::Value && line.value == b"inherit" {
        own.unset(key);
        return Ok(());
    }
    match field {
        Field::Value => {
            let setting = parse(line.value)?;
            own.set(key, setting);
        }
        Field::Inside => {
            let is_writable = match line.value {
                b"ro" => false,
                b"rw" => true,
                _ => return Err(refuse("inside is ro or rw")),
            };
            if let Some(rule) = own.rule_mut(key) {
                rule.is_writable = is_writable;
            }
        }
        Field::Min | Field::Max => {
            if !key.is_number() {
                return Err(refuse("this key has words for values, which have no order"));
            }
            let bound = match line.value {
                b"-" => None,
                text => Some(parse(text)?),
            };
            if let Some(rule) = own.rule_mut(key) {
                match field {
                    Field::Min => rule.min = bound,
                    _ => rule.max = bound,
                }
            }
        }
    }
    Ok(())
}

/// Rules are for keys that have a value here.
fn check_rules<'a>(request: &Request<'a>, own: &Own) -> Answer<'a> {
    for line in request.lines() {
        let line = line?;
        if let Some((key, field)) = Key::from_name(line.key) {
            if field != Field::Value && own.get(key).is_none() {
                return Err(Refusal::plain(
                    Errno::EINVAL,
                    "set a value for the key too: a rule alone has nothing to rule",
                )
                .at(line.number, line.key));
            }
        }
    }
    Ok(())
}

/// Bounds that an ancestor of the target was given.
fn check_bounds<'a>(request: &Request<'a>, place: &Place, own: &Own) -> Answer<'a> {
    let Place::Container(id) = place else {
        return Ok(());
    };
    let read = ReadGuard::new();
    let parent = registry::find_number(&read, id.number)
        .and_then(|container| registry::parent(&read, container));
    let Some(parent) = parent else { return Ok(()) };
    for line in request.lines() {
        let line = line?;
        let Some((key, Field::Value)) = Key::from_name(line.key) else {
            continue;
        };
        let Some(setting) = own.get(key) else {
            continue;
        };
        if let Some(rule) = registry::forbidding(&read, parent, key, setting) {
            let what = What::OutOfBounds {
                min: rule.min,
                max: rule.max,
            };
            return Err(Refusal::new(Errno::ERANGE, what).at(line.number, line.key));
        }
    }
    Ok(())
}

fn set<'a>(opener: &Opener, request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    if request.lines().next().is_none() {
        return Err(Refusal::plain(
            Errno::EINVAL,
            "nothing to set: give KEY=VALUE lines",
        ));
    }
    let mut control = ControlGuard::lock();
    let (place, before) = place(opener, &control, request.target)?;
    let mut own = before;
    for line in request.lines() {
        apply_line(&mut own, &line?)?;
    }
    check_rules(request, &own)?;
    check_bounds(request, &place, &own)?;
    publish(&mut control, &place, before, own, out)
}

fn unset<'a>(opener: &Opener, request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    let mut control = ControlGuard::lock();
    let (place, before) = place(opener, &control, request.target)?;
    let mut own = before;
    let mut is_empty = true;
    for line in request.lines() {
        let line = line?;
        is_empty = false;
        match Key::from_name(line.key) {
            Some((key, Field::Value)) if matches!(line.value, b"inherit" | b"") => own.unset(key),
            Some((_, Field::Value)) => {
                return Err(Refusal::plain(Errno::EINVAL, "unset takes KEY=inherit")
                    .at(line.number, line.key))
            }
            _ => return Err(unknown_key(&line)),
        }
    }
    if is_empty {
        own = Own::new();
    }
    publish(&mut control, &place, before, own, out)
}

/// Arms what is needed, then publishes: readers see the old or the new values.
fn publish(
    control: &mut ControlGuard,
    place: &Place,
    before: Own,
    own: Own,
    out: &mut Output,
) -> Answer<'static> {
    match *place {
        Place::Container(id) => {
            engine::arm_for(control, &own)?;
            let is_first = own.has_overcommit() && !before.has_overcommit();
            if is_first {
                recount(id);
            }
            registry::change(control, id, own).map_err(|error| match error {
                ChangeError::Gone => gone(),
                ChangeError::NoMemory => no_memory(),
            })?;
            if is_first {
                // Once more, for what was charged in between and followed by nobody.
                recount(id);
            }
            engine::settle(control);
            log_changes(format_args!("ns:{}", id.number), &before, &own);
        }
        Place::Default => {
            if is_enforced() {
                engine::arm_for(control, &own)?;
            }
            registry::set_default(own);
            engine::settle(control);
            log_changes(format_args!("default"), &before, &own);
        }
        Place::Kept(number) => {
            keep(control, Kept { number, own })?;
            out.write_str("warning: the hooks are out, so this is not enforced before `arm`\n")
                .ok();
            log_changes(format_args!("ns:{number}"), &before, &own);
        }
    }
    Ok(())
}

fn recount(id: Id) {
    each_namespace(|ns| {
        if ns.id() != id.number {
            return true;
        }
        let read = ReadGuard::new();
        if let Some(container) = registry::find(&read, ns) {
            charge::recount(ns, &container.books);
        }
        false
    });
}

fn keep(control: &mut ControlGuard, new: Kept) -> Answer<'static> {
    let kept = engine::kept_mut(control);
    if let Some(old) = kept.iter_mut().find(|old| old.number == new.number) {
        *old = new;
        return Ok(());
    }
    kept.push(new, GFP_KERNEL).map_err(|_| no_memory())
}

fn log_changes(target: core::fmt::Arguments<'_>, before: &Own, after: &Own) {
    for key in Key::ALL {
        let (old, new) = (before.get(key), after.get(key));
        if old != new {
            pr_info!(
                "{}\n",
                core::format_args!(
                    "set {target} {key}={} was {} by pid {}",
                    optional(new),
                    optional(old),
                    current_pid()
                )
            );
        }
    }
}

fn arm<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    let mut control = ControlGuard::lock();
    let mut features = [false; Feature::ALL.len()];
    for line in request.lines() {
        let line = line?;
        match (line.key, Feature::from_name(line.value)) {
            (b"feature", Some(feature)) => {
                if let Some(wanted) = features.get_mut(feature as usize) {
                    *wanted = true;
                }
            }
            (b"feature", None) => {
                return Err(
                    Refusal::plain(Errno::EINVAL, "unknown feature; `features` lists them")
                        .at(line.number, line.key),
                )
            }
            _ => return Err(unknown_key(&line)),
        }
    }
    engine::arm(&mut control)?;
    for feature in Feature::ALL {
        if features.get(feature as usize).copied().unwrap_or(false) {
            engine::arm_now(&mut control, feature)?;
        }
    }
    if features.iter().any(|&wanted| wanted) {
        out.write_str("note: features that no policy needs are taken out again after linger_s\n")
            .ok();
        engine::reconsider();
    }
    Ok(())
}

fn disarm<'a>(request: &Request<'a>) -> Answer<'a> {
    let mut force = false;
    let mut timeout_s = DISARM_TIMEOUT_S;
    for line in request.lines() {
        let line = line?;
        let refuse = |sentence| Refusal::plain(Errno::EINVAL, sentence).at(line.number, line.key);
        match line.key {
            b"force" => {
                force = match line.value {
                    b"0" => false,
                    b"1" => true,
                    _ => return Err(refuse("force is 0 or 1")),
                }
            }
            b"timeout_s" => {
                timeout_s = core::str::from_utf8(line.value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .filter(|&seconds: &u32| seconds <= 3600)
                    .ok_or_else(|| refuse("timeout_s is a number of seconds up to 3600"))?;
            }
            _ => return Err(unknown_key(&line)),
        }
    }
    let mut control = ControlGuard::lock();
    engine::disarm(&mut control, timeout_s.saturating_mul(1000), force)
}

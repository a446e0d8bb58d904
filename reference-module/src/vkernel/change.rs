//! The verbs `set` and `unset`.

use crate::charge;
use crate::container::Id;
use crate::control::{gone, no_memory, unknown_key, Answer, Opener};
use crate::engine::{self, is_enforced, Kept};
use crate::events;
use crate::facts::own_of;
use crate::output::Output;
use crate::parameter;
use crate::registry::{self, ChangeError};
use crate::strictness::{self, Strictness};
use core::fmt::Write;
use kernel::prelude::*;
use vk_ffi_shims::{current_pid, ControlGuard, Namespace, ReadGuard};
use vk_reference_module::{
    Errno, Field, Key, Line, Own, Refusal, Request, Setting, Shown, Target, What, Writer,
};
use vk_sysctl::{Inside, Key as Sysctl, Rule, Standing};

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
    let read = ReadGuard::new();
    let ns = Namespace::of_id(&read, number).ok_or_else(gone)?;
    if !is_above(opener, ns) || !ns.is_below_current() {
        return Err(Refusal::plain(
            Errno::EPERM,
            "the target is not below the pid namespace of both opener and writer",
        ));
    }
    let found = registry::find_at(&read, ns.key()).filter(|it| it.id.number == number);
    if let Some(container) = found {
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
        return Err(unserved(line));
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
            check_host(key, setting).map_err(|refusal| refusal.at(line.number, line.key))?;
            own.set(key, setting);
        }
        Field::Inside => {
            let Some(inside) = Inside::from_word(line.value) else {
                return Err(refuse("inside is ro or rw"));
            };
            let rule = own.rule(key);
            own.set_rule(key, Rule { inside, ..rule });
        }
        Field::Min | Field::Max => {
            if !key.is_number() {
                return Err(refuse("this key has words for values, which have no order"));
            }
            let bound = match line.value {
                b"-" => None,
                text => parse(text)?.sysctl(),
            };
            let mut rule = own.rule(key);
            match field {
                Field::Min => rule.min = bound,
                _ => rule.max = bound,
            }
            own.set_rule(key, rule);
        }
    }
    Ok(())
}

/// Refuses what is laxer than the host's where no container may be.
fn check_host(key: Key, setting: Setting) -> core::result::Result<(), Refusal<'static>> {
    let (Key::Sysctl(key), Setting::Sysctl(value)) = (key, setting) else {
        return Ok(());
    };
    let Some(host) = parameter::host(key) else {
        return Ok(());
    };
    key.check(value, host)
        .map_err(|error| Refusal::new(Errno::EPERM, What::TooLax(error)))
}

/// Says why a key is not taken.
fn unserved<'a>(line: &Line<'a>) -> Refusal<'a> {
    let why = match Standing::of(line.key) {
        Some(Standing::Unsupported(row)) => row.reason,
        Some(Standing::Namespaced(_)) => "the kernel keeps it per namespace; vkctl sets it there",
        Some(Standing::Private(Sysctl::PidMax)) => {
            "the kernel keeps it per pid namespace; vkctl sets it there"
        }
        Some(Standing::Private(_)) => "this version of the module does not enforce it",
        _ => return unknown_key(line),
    };
    Refusal::new(Errno::EINVAL, What::Unserved(why)).at(line.number, line.key)
}

/// Rules are for keys that have a value here, and leave one.
fn check_rules<'a>(request: &Request<'a>, own: &Own) -> Answer<'a> {
    for line in request.lines() {
        let line = line?;
        let Some((key, Field::Inside | Field::Min | Field::Max)) = Key::from_name(line.key) else {
            continue;
        };
        let sentence = if own.get(key).is_none() {
            "set a value for the key too: a rule alone has nothing to rule"
        } else if !own.rule(key).is_possible() {
            "min is above max: no value is between them"
        } else {
            continue;
        };
        return Err(Refusal::plain(Errno::EINVAL, sentence).at(line.number, line.key));
    }
    Ok(())
}

/// Bounds that an ancestor of the target was given.
fn check_bounds<'a>(request: &Request<'a>, place: &Place, own: &Own) -> Answer<'a> {
    let Place::Container(id) = place else {
        return Ok(());
    };
    let read = ReadGuard::new();
    let parent = registry::find_at(&read, id.address)
        .filter(|container| container.id == *id)
        .and_then(|container| registry::parent(&read, container));
    let Some(parent) = parent else { return Ok(()) };
    for line in request.lines() {
        let line = line?;
        let Some((key, Field::Value)) = Key::from_name(line.key) else {
            continue;
        };
        let Some(value) = own.get(key).and_then(Setting::sysctl) else {
            continue;
        };
        if let Some(rule) = registry::forbidding(&read, parent, key, value) {
            return Err(
                Refusal::new(Errno::ERANGE, What::OutOfBounds(rule)).at(line.number, line.key)
            );
        }
    }
    Ok(())
}

pub(crate) fn set<'a>(opener: &Opener, request: &Request<'a>, out: &mut Output) -> Answer<'a> {
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
    publish(&mut control, &place, &before, &own, out)
}

pub(crate) fn unset<'a>(opener: &Opener, request: &Request<'a>, out: &mut Output) -> Answer<'a> {
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
    publish(&mut control, &place, &before, &own, out)
}

fn unchanged(error: ChangeError) -> Refusal<'static> {
    match error {
        ChangeError::Gone => gone(),
        ChangeError::NoMemory => no_memory(),
    }
}

/// Arms what is needed, then publishes: readers see the old or the new values.
fn publish(
    control: &mut ControlGuard,
    place: &Place,
    before: &Own,
    own: &Own,
    out: &mut Output,
) -> Answer<'static> {
    match *place {
        Place::Container(id) => {
            let is_first = own.has_overcommit() && !before.has_overcommit();
            if is_first {
                // What would be promised is asked of the books.
                registry::open_books(id).map_err(unchanged)?;
            }
            check_promise(id, own, out)?;
            engine::arm_for(control, own)?;
            if is_first {
                charge::recount(id);
            }
            registry::change(control, id, own).map_err(unchanged)?;
            if is_first {
                // Once more, for what was charged in between and followed by nobody.
                charge::recount(id);
            }
            engine::settle(control);
            tell_changes(Target::Namespace(id.number), before, own);
        }
        Place::Default => {
            if is_enforced() {
                engine::arm_for(control, own)?;
            }
            registry::set_default(*own);
            engine::settle(control);
            tell_changes(Target::Default, before, own);
        }
        Place::Kept(number) => {
            keep(control, Kept { number, own: *own })?;
            out.write_str("warning: the hooks are out, so this is not enforced before `arm`\n")
                .ok();
            tell_changes(Target::Namespace(number), before, own);
        }
    }
    Ok(())
}

/// A limit that nothing stands behind is refused or warned about, as the host has chosen.
fn check_promise(id: Id, own: &Own, out: &mut Output) -> Answer<'static> {
    match strictness::overpromise(id, own) {
        Some(why) if strictness::strictness() == Strictness::Refuses => {
            return Err(Refusal::new(Errno::ERANGE, What::Overpromise(why)));
        }
        Some(why) => writeln!(out, "warning: {why}").ok(),
        None => None,
    };
    Ok(())
}

fn keep(control: &mut ControlGuard, new: Kept) -> Answer<'static> {
    let kept = engine::kept_mut(control);
    match kept.iter_mut().find(|old| old.number == new.number) {
        Some(old) => *old = new,
        None => kept.push(new, GFP_KERNEL).map_err(|_| no_memory())?,
    }
    engine::hold(control);
    Ok(())
}

/// One line of the log for each value, and an event for each value or rule.
fn tell_changes(target: Target, before: &Own, after: &Own) {
    events::tell_changes(target, before, after, Writer::Outside(current_pid()));
    for key in Key::ALL {
        let (old, new) = (before.get(key), after.get(key));
        if old != new {
            pr_info!(
                "{}\n",
                core::format_args!(
                    "set {target} {key}={} was {} by pid {}",
                    Shown(new),
                    Shown(old),
                    current_pid()
                )
            );
        }
    }
}

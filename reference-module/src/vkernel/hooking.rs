//! The verbs `features` and `hooks`, `arm` and `disarm`.

use crate::bypass;
use crate::control::{no_lines, unknown_key, yes_no, Answer};
use crate::engine;
use crate::memory;
use crate::output::{Hex, Output};
use crate::registry;
use crate::strictness;
use core::fmt::Write;
use vk_ffi_shims::vk_hook::{HookId, State};
use vk_ffi_shims::{
    Choice, ControlGuard, Feature, Ftrace, HookInfo, Inline, Sites, StubKind, SubjectKind,
};
use vk_reference_module::{Errno, Line, Refusal, Request};

/// How long `disarm` waits for a sleeper, unless told otherwise.
const DISARM_TIMEOUT_S: u32 = 10;

pub(crate) fn features<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
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
        if feature == Feature::Overcommit {
            let (promised_pages, backing_pages) = strictness::promised_pages();
            let strictness = strictness::strictness();
            write!(out, " strict={strictness} promised_pages={promised_pages} backing_pages={backing_pages}").ok();
        }
        if feature == Feature::Lifecycle {
            write!(out, " failed_births={}", registry::failed_births()).ok();
            write!(out, " failed_claims={}", memory::failed_claims()).ok();
        }
        if !why.is_empty() {
            write!(out, " reason={why}").ok();
        }
        out.write_char('\n').ok();
    }
    Ok(())
}

pub(crate) fn hooks<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
    no_lines(request)?;
    let control = ControlGuard::lock();
    bypass::look(&control);
    for hook in Ftrace::ids() {
        if let Some(info) = Ftrace::info(hook) {
            show_hook(hook, &info, out);
            show_refusal(hook, &info, out);
            out.write_char('\n').ok();
        }
    }
    Ok(())
}

fn show_hook(hook: HookId, info: &HookInfo, out: &mut Output) {
    let kind = match info.kind {
        StubKind::Pass => "pass",
        StubKind::Shadow => "shadow",
        StubKind::Repl => "repl",
        StubKind::Around => "around",
    };
    let subject = match info.subject {
        SubjectKind::None => "none",
        SubjectKind::Current => "current",
        SubjectKind::Mm => "mm",
        SubjectKind::Vma => "vma",
        SubjectKind::Task => "task",
    };
    let entry = info.entry.get(..info.entry_len).unwrap_or(&[]);
    write!(
        out,
        "{} feature={} kind={kind} subject={subject} backend={} state={} addr={:#x} entry={} stub={:#x} trampoline={:#x}",
        info.symbol,
        info.feature.name(),
        Sites::backend(hook),
        info.state.as_str(),
        info.address,
        Hex(entry),
        Sites::stub(hook),
        Sites::trampoline(hook),
    )
    .ok();
    let is_in = matches!(info.state, State::Armed | State::Draining) && Sites::is_inline(hook);
    let place = is_in.then(|| Inline::site(hook)).flatten();
    if let Some(place) = place {
        let displaced = Hex(place.displaced.bytes());
        write!(out, " site={:#x} displaced={displaced}", place.site).ok();
    }
}

/// Why the hook does not decide, or is not, or cannot be, where it was wanted.
fn show_refusal(hook: HookId, info: &HookInfo, out: &mut Output) {
    let bypass = vk_ffi_shims::bypass::bypass(hook);
    if !bypass.is_empty() {
        write!(out, " bypassed=yes reason={bypass}").ok();
        return;
    }
    if !info.refusal.is_empty() {
        write!(out, " reason={}", info.refusal).ok();
        return;
    }
    if info.address == 0 {
        return;
    }
    let rival = Sites::rival(hook, |stub| write!(out, " reason=hooked by {stub}").ok());
    if rival.is_some() || !(Sites::wants_inline(hook) || Sites::is_inline(hook)) {
        return;
    }
    if let Some(why) = Inline::why(hook) {
        write!(out, " reason=inline: {why}").ok();
    }
}

pub(crate) fn arm<'a>(request: &Request<'a>, out: &mut Output) -> Answer<'a> {
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
            (key, _) => match key.strip_prefix(b"backend.") {
                Some(symbol) => choose(symbol, &line)?,
                None => return Err(unknown_key(&line)),
            },
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

/// Chooses what the hook of a function goes in by.
fn choose<'a>(symbol: &[u8], line: &Line<'a>) -> Answer<'a> {
    let refuse = |errno, sentence| Err(Refusal::plain(errno, sentence).at(line.number, line.key));
    let mut hooks = Ftrace::ids().filter_map(|hook| Some((hook, Ftrace::info(hook)?)));
    let Some((hook, _)) = hooks.find(|(_, info)| info.symbol.as_bytes() == symbol) else {
        return refuse(Errno::EINVAL, "no such hook; `hooks` lists them");
    };
    let Some(choice) = Choice::from_name(line.value) else {
        return refuse(Errno::EINVAL, "a back end is auto, ftrace or inline");
    };
    match Sites::choose(hook, choice) {
        Ok(()) => Ok(()),
        Err(-95) => refuse(
            Errno::EOPNOTSUPP,
            "the hook answers for a gate, which a livepatch would go past an inline hook for",
        ),
        Err(_) => refuse(Errno::EBUSY, "the hook is in: `disarm` first"),
    }
}

pub(crate) fn disarm<'a>(request: &Request<'a>) -> Answer<'a> {
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

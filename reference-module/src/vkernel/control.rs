//! The verbs of the control device.

use crate::change;
use crate::hooking;
use crate::reply::Reply;
use crate::show;
use crate::stat;
use core::fmt::Write;
use vk_ffi_shims::{current_is_admin, Namespace, ReadGuard};
use vk_reference_module::{Errno, Line, Refusal, Request, Verb};

/// Who opened the device.
pub(crate) struct Opener {
    /// CAP_SYS_ADMIN in the initial user namespace, at that time.
    pub(crate) is_admin: bool,
    /// The 64-bit id of its pid namespace, `None` for the host.
    pub(crate) ns: Option<u64>,
}

pub(crate) type Answer<'a> = core::result::Result<(), Refusal<'a>>;

/// Carries out one request. Process context, may sleep.
pub(crate) fn answer<'a>(opener: &Opener, text: &'a [u8], reply: &mut Reply) -> Answer<'a> {
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
    let is_for_host = matches!(request.verb, Verb::Arm | Verb::Disarm);
    if is_for_host && (opener.ns.is_some() || Namespace::of_current(&ReadGuard::new()).is_some()) {
        return Err(Refusal::plain(
            Errno::EPERM,
            "only the host arms and disarms",
        ));
    }
    let out = &mut reply.answer;
    out.write_str("ok\n").ok();
    match request.verb {
        Verb::List => show::list(&request, out),
        Verb::Show => show::show(&request, out),
        Verb::Stat => stat::stat(&request, out),
        Verb::Features => hooking::features(&request, out),
        Verb::Hooks => hooking::hooks(&request, out),
        Verb::Owner => show::owner(&request, out),
        Verb::Watch => no_lines(&request).map(|()| reply.watch()),
        Verb::Set => change::set(opener, &request, out),
        Verb::Unset => change::unset(opener, &request, out),
        Verb::Arm => hooking::arm(&request, out),
        Verb::Disarm => hooking::disarm(&request),
    }
}

pub(crate) fn yes_no(yes: bool) -> &'static str {
    if yes {
        "yes"
    } else {
        "no"
    }
}

pub(crate) fn unknown_key<'a>(line: &Line<'a>) -> Refusal<'a> {
    Refusal::plain(
        Errno::EINVAL,
        "unknown key; `show` of a target lists the keys",
    )
    .at(line.number, line.key)
}

pub(crate) fn no_lines<'a>(request: &Request<'a>) -> Answer<'a> {
    match request.lines().next() {
        None => Ok(()),
        Some(line) => Err(unknown_key(&line?)),
    }
}

pub(crate) fn gone() -> Refusal<'static> {
    Refusal::plain(
        Errno::ESRCH,
        "there is no such pid namespace, or it has no process any more",
    )
}

pub(crate) fn no_memory() -> Refusal<'static> {
    Refusal::plain(Errno::ENOMEM, "no memory; nothing was changed")
}

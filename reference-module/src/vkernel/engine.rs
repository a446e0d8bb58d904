//! Which hooks are in: arming, disarming, and what happens by itself.
//!
//! A feature is armed while some container has one of its keys set, whatever the value, and
//! `linger_s` longer. Only the lifecycle hooks are in while none has.
//!
//! Disarming: policy is closed (handlers answer as the host), then the gate, then the hooks come
//! out, then tasks that still sleep in a handler are waited for, then the registry is emptied;
//! what was set is kept and shown as not enforced.

use crate::bypass;
use crate::demand::Demand;
use crate::events;
use crate::parameter;
use crate::registry;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use kernel::prelude::*;
use vk_ffi_shims::vk_hook::{ArmError, Armed, DisarmError, Draining, Group, HookId, Planned};
use vk_ffi_shims::{
    hook, overcommit, ControlCell, ControlGuard, Feature, Ftrace, Inline, Namespace, Parameter,
    Sites,
};
use vk_reference_module::{Errno, Event, Own, Refusal, What, Widest};

/// How many features there are.
const FEATURES: usize = Feature::ALL.len();
/// What `protect_host=1` needs, whoever has a policy.
const PROTECTION: [Feature; 3] = [Feature::Sysctl, Feature::Parameters, Feature::Protection];

/// How long arming waits for tasks that still sleep in the hooks from before.
const REARM_TIMEOUT_MS: u32 = 1000;

/// Whether handlers apply policies. Closed first and opened last.
static ENFORCED: AtomicBool = AtomicBool::new(false);
static LINGER_S: AtomicU32 = AtomicU32::new(60);
static PROTECTS_HOST: AtomicBool = AtomicBool::new(false);
static LIVES: ControlCell<[Life; FEATURES]> = ControlCell::new(Life::all());
/// What was set, by namespace id, while nothing is enforced.
static KEPT: ControlCell<KVec<Kept>> = ControlCell::new(KVec::new());

/// The values of a namespace while the hooks are out.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) number: u64,
    pub(crate) own: Own,
}

/// One feature's hooks.
struct Life {
    feature: Feature,
    stage: Stage,
}

enum Stage {
    /// Not described yet, or in transition.
    None,
    Planned(Group<'static, Sites, Planned>),
    Armed(Group<'static, Sites, Armed>),
    Draining(Group<'static, Sites, Draining>),
}

impl Life {
    const fn new(feature: Feature) -> Self {
        Self {
            feature,
            stage: Stage::None,
        }
    }

    /// One for each feature, in the order in which they are armed.
    const fn all() -> [Self; FEATURES] {
        let mut lives = [const { Self::new(Feature::Lifecycle) }; FEATURES];
        let mut at = 0;
        while at < FEATURES {
            lives[at].feature = Feature::ALL[at];
            at += 1;
        }
        lives
    }

    fn is_armed(&self) -> bool {
        matches!(self.stage, Stage::Armed(_))
    }

    fn arm(&mut self) -> core::result::Result<(), Refusal<'static>> {
        let why = self.feature.refusal();
        if !why.is_empty() {
            let name = self.feature.name();
            return Err(Refusal::new(Errno::ENODEV, What::Feature { name, why }));
        }
        let planned = match core::mem::replace(&mut self.stage, Stage::None) {
            Stage::None => Group::new(Sites, self.feature.hooks()),
            Stage::Planned(planned) => planned,
            // Of an earlier disarm, or of an arming that was refused half-way.
            Stage::Draining(draining) => match draining.drain(REARM_TIMEOUT_MS) {
                Ok(planned) => self.drained(planned),
                Err((draining, error)) => {
                    self.stage = Stage::Draining(draining);
                    return Err(refusal_of_disarm(error));
                }
            },
            armed @ Stage::Armed(_) => {
                self.stage = armed;
                return Ok(());
            }
        };
        match planned.arm() {
            Ok(armed) => {
                self.stage = Stage::Armed(armed);
                if self.feature == Feature::Overcommit {
                    open_host_gate();
                }
                events::tell(|| Event::Hooked(self.feature.name()));
                Ok(())
            }
            Err((draining, error)) => {
                // Who is inside what was in for a moment is waited for now, or before the next time.
                self.stage = match draining.drain(REARM_TIMEOUT_MS) {
                    Ok(planned) => Stage::Planned(self.drained(planned)),
                    Err((draining, _)) => Stage::Draining(draining),
                };
                Err(refusal_of(error))
            }
        }
    }

    fn disarm(&mut self) -> core::result::Result<(), DisarmError> {
        let armed = match core::mem::replace(&mut self.stage, Stage::None) {
            Stage::Armed(armed) => armed,
            stage => {
                self.stage = stage;
                return Ok(());
            }
        };
        if self.feature == Feature::Overcommit {
            overcommit::close_host_gate();
        }
        match armed.disarm() {
            Ok(draining) => {
                self.stage = Stage::Draining(draining);
                events::tell(|| Event::Unhooked(self.feature.name()));
                Ok(())
            }
            Err((armed, error)) => {
                self.stage = Stage::Armed(armed);
                Err(error)
            }
        }
    }

    fn drain(&mut self, timeout_ms: u32) -> core::result::Result<(), DisarmError> {
        let draining = match core::mem::replace(&mut self.stage, Stage::None) {
            Stage::Draining(draining) => draining,
            stage => {
                self.stage = stage;
                return Ok(());
            }
        };
        match draining.drain(timeout_ms) {
            Ok(planned) => {
                self.stage = Stage::Planned(self.drained(planned));
                Ok(())
            }
            Err((draining, error)) => {
                self.stage = Stage::Draining(draining);
                Err(error)
            }
        }
    }

    /// Nobody is inside the hooks any more: what they counted is not followed from now on.
    fn drained(&self, planned: Group<'static, Sites, Planned>) -> Group<'static, Sites, Planned> {
        if self.feature == Feature::Files {
            vk_ffi_shims::forget_files();
        }
        planned
    }
}

/// Without it the host's mode 2 counts what containers commit: said, and no reason to refuse.
fn open_host_gate() {
    if let Err(errno) = overcommit::open_host_gate() {
        pr_warn!("the host's mode 2 counts containers too: errno {}\n", errno);
    }
}

fn symbol(hook: HookId) -> &'static str {
    Ftrace::info(hook).map_or("a hook", |info| info.symbol)
}

/// Says what the back end knows of a refusal, if it knows more than the error.
fn what_of(hook: HookId, errno: i32) -> What {
    let symbol = symbol(hook);
    let why = match errno {
        -17 => None,
        _ if !Sites::wants_inline(hook) => None,
        _ => Inline::why(hook),
    };
    match why {
        Some(why) => What::Inline { symbol, why },
        None => What::Hook { symbol, errno },
    }
}

fn refusal_of(error: ArmError) -> Refusal<'static> {
    let errno = match error.errno {
        -16 | -17 => Errno::EBUSY,
        -95 => Errno::EOPNOTSUPP,
        _ => Errno::ENODEV,
    };
    Refusal::new(errno, what_of(error.hook, error.errno))
}

fn refusal_of_disarm(error: DisarmError) -> Refusal<'static> {
    match error {
        DisarmError::Asleep(sleeper) => Refusal::new(
            Errno::EBUSY,
            What::Asleep {
                pid: sleeper.pid,
                symbol: symbol(sleeper.hook),
            },
        ),
        DisarmError::Stuck { hook, errno } => Refusal::new(Errno::EBUSY, what_stays(hook, errno)),
        _ => Refusal::plain(Errno::EBUSY, "the hooks could not be taken out"),
    }
}

fn what_stays(hook: HookId, errno: i32) -> What {
    let symbol = symbol(hook);
    let why = Sites::is_inline(hook).then(|| Inline::why(hook)).flatten();
    match why {
        Some(why) => What::Stays { symbol, why },
        None => What::Hook { symbol, errno },
    }
}

/// Tells whether policies apply. Any context.
#[inline]
pub(crate) fn is_enforced() -> bool {
    ENFORCED.load(Ordering::Acquire)
}

pub(crate) fn set_linger(seconds: u32) {
    LINGER_S.store(seconds, Ordering::Relaxed);
}

pub(crate) fn protect_host() {
    PROTECTS_HOST.store(true, Ordering::Relaxed);
}

/// Tells whether writes from inside may not reach the host's values: `protect_host=1`.
pub(crate) fn protects_host() -> bool {
    PROTECTS_HOST.load(Ordering::Relaxed) && is_enforced()
}

pub(crate) fn is_armed(control: &ControlGuard, feature: Feature) -> bool {
    LIVES
        .get(control)
        .iter()
        .any(|life| life.feature == feature && life.is_armed())
}

fn with_life<T>(
    control: &mut ControlGuard,
    feature: Feature,
    then: impl FnOnce(&mut Life) -> T,
) -> Option<T> {
    LIVES
        .get_mut(control)
        .iter_mut()
        .find(|life| life.feature == feature)
        .map(then)
}

/// Puts the hooks of one feature in.
pub(crate) fn arm_now(
    control: &mut ControlGuard,
    feature: Feature,
) -> core::result::Result<(), Refusal<'static>> {
    if is_armed(control, feature) {
        return Ok(());
    }
    with_life(control, feature, Life::arm).unwrap_or(Ok(()))?;
    if feature == Feature::Parameters {
        Parameter::shadow_host(control);
    }
    Ok(())
}

/// Puts in the hooks that `own` needs. Process context, may sleep.
pub(crate) fn arm_for(
    control: &mut ControlGuard,
    own: &Own,
) -> core::result::Result<(), Refusal<'static>> {
    let demand = Demand::of(own);
    let needed = Feature::ALL.into_iter().filter(|it| demand.needs(*it));
    for feature in needed {
        arm_now(control, feature)?;
    }
    Ok(())
}

/// All that is needed, `protect_host=1` included.
fn demand(control: &ControlGuard) -> Demand {
    let mut demand = Demand::now(control);
    if PROTECTS_HOST.load(Ordering::Relaxed) {
        for feature in PROTECTION {
            demand.mark(feature);
        }
    }
    demand
}

/// After a change: opens or closes the gate, and plans to take out what nobody needs.
pub(crate) fn settle(control: &mut ControlGuard) {
    let demand = demand(control);
    set_gates(control, &demand);
    if is_enforced() {
        parameter::widen(control, &demand.widest);
    }
    let idle = LIVES.get(control).iter().any(|life| {
        life.is_armed() && life.feature != Feature::Lifecycle && !demand.needs(life.feature)
    });
    if idle {
        reconsider();
    }
}

/// Opens what lets containers have more than the host, or closes it.
///
/// The hooks are read back before; it is closed when somebody took the place of one that answers.
fn set_gates(control: &ControlGuard, demand: &Demand) {
    use vk_ffi_shims::{thp, zero_page};
    let is_bypassed = bypass::look(control);
    let may_open = |feature| is_enforced() && is_armed(control, feature);
    if !demand.needs_gate() || is_bypassed {
        thp::close_gate();
    } else if may_open(Feature::Thp) {
        if let Err(errno) = thp::open_gate() {
            pr_warn!("the THP gate was not opened: errno {}\n", errno);
        }
    }
    if !demand.needs_zero_page() || is_bypassed {
        zero_page::lower();
    } else if may_open(Feature::ThpZeroPage) {
        if let Err(errno) = zero_page::raise() {
            pr_warn!("the huge zero page stays the host's: errno {}\n", errno);
        }
    }
}

/// Closes them whatever is needed, before hooks come out.
fn close_gates() {
    vk_ffi_shims::thp::close_gate();
    vk_ffi_shims::zero_page::lower();
}

/// Looks again after `linger_s` at what is still needed. Any context.
pub(crate) fn reconsider() {
    vk_ffi_shims::later(LINGER_S.load(Ordering::Relaxed).saturating_mul(1000).max(1));
}

/// The linger time is over. On a workqueue.
fn later() {
    // Unloading holds the mutex and waits for this work.
    let Some(mut control) = ControlGuard::try_lock() else {
        if is_enforced() {
            vk_ffi_shims::later(100);
        }
        return;
    };
    let demand = demand(&control);
    set_gates(&control, &demand);
    if is_enforced() {
        parameter::widen(&control, &demand.widest);
    }
    for life in LIVES.get_mut(&mut control).iter_mut().rev() {
        let is_needed = life.feature == Feature::Lifecycle || demand.needs(life.feature);
        if is_needed || !life.is_armed() {
            continue;
        }
        if let Err(error) = life.disarm().and_then(|()| life.drain(1000)) {
            pr_warn!(
                "{}: {}\n",
                life.feature.name(),
                core::format_args!("{}", refusal_of_disarm(error).what)
            );
        } else {
            pr_info!("{}: disarmed, nobody needs it\n", life.feature.name());
        }
    }
}

/// Arms the lifecycle hooks, adopts what exists and enforces what was kept.
pub(crate) fn arm(control: &mut ControlGuard) -> core::result::Result<(), Refusal<'static>> {
    if is_enforced() {
        return Ok(());
    }
    // Hooks that a disarm left draining must be out before they go in again.
    for feature in Feature::ALL {
        if let Some(Err(error)) = with_life(control, feature, |life| life.drain(REARM_TIMEOUT_MS)) {
            return Err(refusal_of_disarm(error));
        }
    }
    arm_now(control, Feature::Lifecycle)?;
    let kept = core::mem::replace(KEPT.get_mut(control), KVec::new());
    for entry in kept.iter() {
        if let Err(refusal) = arm_for(control, &entry.own) {
            return give_up(control, kept, refusal);
        }
    }
    if let Err(refusal) = arm_for(control, &registry::default_own()) {
        return give_up(control, kept, refusal);
    }
    if PROTECTS_HOST.load(Ordering::Relaxed) {
        for feature in PROTECTION {
            if let Err(refusal) = arm_now(control, feature) {
                return give_up(control, kept, refusal);
            }
        }
    }
    // Whoever is there already was not born now: the default is not for them.
    registry::adopt(|number| {
        let kept = kept.iter().find(|e| e.number == number);
        Some(kept.map_or(Own::new(), |e| e.own))
    });
    if let Err(errno) = vk_ffi_shims::watch_places() {
        pr_warn!("whose a page is stays unknown: errno {}\n", errno);
    }
    ENFORCED.store(true, Ordering::Release);
    bypass::begin(control);
    // Each container with a policy holds the module itself now.
    HOLD.get_mut(control).take();
    settle(control);
    Ok(())
}

/// Takes out what was armed when arming failed half-way.
fn give_up(
    control: &mut ControlGuard,
    kept: KVec<Kept>,
    refusal: Refusal<'static>,
) -> core::result::Result<(), Refusal<'static>> {
    *KEPT.get_mut(control) = kept;
    if let Err(refusal) = take_out(control, 1000) {
        pr_warn!("{}\n", core::format_args!("{}", refusal.what));
    }
    // Births that the lifecycle hooks saw meanwhile.
    registry::clear(|_, _| {});
    Err(refusal)
}

/// Takes all hooks out, keeping what was set.
///
/// # Errors
///
/// Who still sleeps in a handler. Policies are closed all the same; try again.
pub(crate) fn disarm(
    control: &mut ControlGuard,
    timeout_ms: u32,
    force: bool,
) -> core::result::Result<(), Refusal<'static>> {
    if force {
        registry::unpin_all();
    }
    ENFORCED.store(false, Ordering::Release);
    close_gates();
    parameter::widen(control, &Widest::new());
    take_out(control, timeout_ms)?;
    bypass::end(control);
    keep(control, force);
    Ok(())
}

fn take_out(
    control: &mut ControlGuard,
    timeout_ms: u32,
) -> core::result::Result<(), Refusal<'static>> {
    vk_ffi_shims::unwatch_places();
    let lives = LIVES.get_mut(control);
    let mut failed = None;
    for life in lives.iter_mut().rev() {
        failed = life.disarm().err().or(failed);
    }
    for life in lives.iter_mut() {
        failed = life.drain(timeout_ms).err().or(failed);
    }
    failed.map_or(Ok(()), |error| Err(refusal_of_disarm(error)))
}

/// Empties the registry. What was set goes to `KEPT`; without `force` it keeps the module loaded.
fn keep(control: &mut ControlGuard, force: bool) {
    let kept = KEPT.get_mut(control);
    registry::clear(|number, own| {
        if own.is_set() && kept.push(Kept { number, own }, GFP_KERNEL).is_err() {
            pr_warn!("no memory to keep the policy of ns:{}\n", number);
        }
    });
    if force {
        HOLD.get_mut(control).take();
    } else {
        hold(control);
    }
}

/// Holds the module as long as a policy is kept.
pub(crate) fn hold(control: &mut ControlGuard) {
    let is_needed = KEPT.get(control).iter().any(|kept| kept.own.is_set());
    let held = HOLD.get_mut(control);
    if !is_needed {
        *held = None;
    } else if held.is_none() {
        *held = Some(vk_ffi_shims::Pin::new());
    }
}

/// Keeps the module loaded while policies are kept but not enforced.
static HOLD: ControlCell<Option<vk_ffi_shims::Pin>> = ControlCell::new(None);

/// Calls `then` with each kept policy.
pub(crate) fn kept(control: &ControlGuard) -> &[Kept] {
    KEPT.get(control)
}

/// Forgets or changes the kept values of a namespace.
pub(crate) fn kept_mut(control: &mut ControlGuard) -> &mut KVec<Kept> {
    KEPT.get_mut(control)
}

/// When the module is loaded.
///
/// # Errors
///
/// A negative errno, said in the log.
pub(crate) fn load() -> core::result::Result<(), i32> {
    let mut control = ControlGuard::lock();
    arm(&mut control).map_err(|refusal| {
        pr_err!("not armed: {}\n", core::format_args!("{}", refusal.what));
        refusal.errno.to_errno()
    })
}

/// Before the module goes: no reference is held any more, so nothing is enforced by need.
pub(crate) fn unload() {
    let mut control = ControlGuard::lock();
    ENFORCED.store(false, Ordering::Release);
    vk_ffi_shims::cancel_later();
    bypass::end(&control);
    close_gates();
    parameter::widen(&control, &Widest::new());
    while let Err(refusal) = take_out(&mut control, 10_000) {
        // The exit of a module cannot fail, and code that is in use cannot go.
        pr_err!(
            "waiting to unload: {}\n",
            core::format_args!("{}", refusal.what)
        );
        vk_ffi_shims::sleep_ms(1000);
    }
    registry::clear(|_, _| {});
    *KEPT.get_mut(&mut control) = KVec::new();
    *HOLD.get_mut(&mut control) = None;
    drop(control);
    vk_ffi_shims::cancel_later();
    Ftrace::barrier();
    registry::close();
    // Nothing happens any more, and nobody has the device open.
    vk_ffi_shims::bell::settle();
}

fn birth(ns: Namespace<'_>) {
    registry::birth(ns);
}

fn end(ns: Namespace<'_>) {
    registry::end(ns);
}

hook!(birth => crate::engine::birth);
hook!(end => crate::engine::end);
hook!(later => crate::engine::later);

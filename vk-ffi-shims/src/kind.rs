//! What kind a hook is of, and whom its stub sends to the handler: both are part of its type.

use crate::{bindings, Flight};
use core::marker::PhantomData;
use vk_hook::HookId;

mod sealed {
    pub trait Sealed {}
}

/// One of [`Pre`], [`Replace`] and [`Around`]: no others.
pub trait Kind: sealed::Sealed {
    /// Whose calls come to the handler.
    type Filter: Filter;
    /// What is held while the handler runs.
    #[doc(hidden)]
    type Held;
    /// `__VK_LINE_*` of include/vk_hooks.h.
    #[doc(hidden)]
    const LINE: u32;
    #[doc(hidden)]
    fn enter(hook: HookId) -> Self::Held;
}

/// A kind whose handler can call the original: it is on the stack then.
pub trait CallsOriginal: Kind {}

/// The handler sees the arguments and may change them; then the original runs, with nothing of ours
/// on the stack.
#[derive(Debug)]
pub struct Pre<F>(PhantomData<F>);

/// The handler answers, or calls the original, which must not sleep for long.
#[derive(Debug)]
pub struct Replace<F>(PhantomData<F>);

/// The handler runs around an original that may sleep: a [`Flight`] counts who is inside.
#[derive(Debug)]
pub struct Around<F>(PhantomData<F>);

macro_rules! kinds {
    ($($kind:ident: $line:literal, $held:ty, $enter:expr;)*) => {$(
        impl<F: Filter> sealed::Sealed for $kind<F> {}
        impl<F: Filter> Kind for $kind<F> {
            type Filter = F;
            type Held = $held;
            const LINE: u32 = $line;
            #[inline]
            fn enter(hook: HookId) -> $held {
                let enter: fn(HookId) -> $held = $enter;
                enter(hook)
            }
        }
    )*};
}

kinds! {
    Pre: 0, (), |_| ();
    Replace: 1, (), |_| ();
    Around: 2, Flight, Flight::enter;
}

impl<F: Filter> CallsOriginal for Replace<F> {}
impl<F: Filter> CallsOriginal for Around<F> {}

/// Who is certainly none of the handler's business, as the stub sees it: [`filter`] has them all.
pub trait Filter: sealed::Sealed {
    /// `VK_SUBJECT_*`.
    #[doc(hidden)]
    const LINE: u32;
}

/// A filter that can look at a function whose first argument is an `A`, `()` for none.
#[diagnostic::on_unimplemented(
    message = "the filter `{Self}` cannot look at `{A}`, the first argument of the function"
)]
pub trait LooksAt<A>: Filter {}

/// The filters.
pub mod filter {
    use super::{bindings, sealed, Filter, LooksAt};
    use crate::Opaque;

    macro_rules! filters {
        ($($(#[$doc:meta])* $filter:ident: $line:ident, $($first:ty),*;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $filter {}
            impl sealed::Sealed for $filter {}
            impl Filter for $filter {
                const LINE: u32 = bindings::$line;
            }
            $(impl LooksAt<$first> for $filter {})*
        )*};
    }

    filters! {
        /// Every caller comes to the handler.
        Anyone: VK_SUBJECT_NONE,;
        /// Tasks below the initial pid namespace do.
        Current: VK_SUBJECT_CURRENT,;
        /// The first argument is an mm: those do for whom a policy may be.
        Mm: VK_SUBJECT_MM, Option<crate::Mm<'_>>;
        /// The first argument is a VMA: those do for whose mm a policy may be.
        Vma: VK_SUBJECT_VMA, Option<crate::Vma<'_>>;
        /// The first argument is a task: those below the initial pid namespace do.
        Task: VK_SUBJECT_TASK, Opaque<'_>;
        /// The same as [`Vma`]; without a VMA, tasks for whom a policy may be do.
        VmaOrCurrent: VK_SUBJECT_VMA_OR_CURRENT, Option<crate::Vma<'_>>;
    }

    #[cfg(feature = "policies")]
    filters! {
        /// The first argument is a page fault: as [`Vma`] for its VMA.
        Fault: VK_SUBJECT_FAULT, crate::zero_page::Fault<'_>;
        /// As [`VmaOrCurrent`], where the VMA is the second argument.
        SecondVmaOrCurrent: VK_SUBJECT_SECOND_VMA_OR_CURRENT, crate::shmem::Inode<'_>;
    }

    impl<A> LooksAt<A> for Anyone {}
    impl<A> LooksAt<A> for Current {}
}

//! Types that cross between a kernel function and its handler.

use crate::{Mm, Vma};
use core::ffi::c_void;
use core::marker::PhantomData;

mod sealed {
    pub trait Sealed {}
}

/// What a hooked function takes and returns, as its `hook!` line says it.
///
/// The list is closed: numbers, `bool`, `()`, and pointers that say what they point to.
///
/// # Safety
///
/// `Raw` has the size and the class that `CODE` says, which is what C passes.
pub unsafe trait Passed: Copy + sealed::Sealed {
    /// What crosses.
    #[doc(hidden)]
    type Raw: Copy;
    /// `VK_CODE` of include/vk_hooks.h: ten times its bytes, and 0 for a number without sign, 1 for one
    /// with, 2 for a pointer.
    #[doc(hidden)]
    const CODE: u32;

    /// Makes one of a hooked function's argument.
    ///
    /// # Safety
    ///
    /// `raw` is what the function's caller passed, and the result does not outlive the handler.
    #[doc(hidden)]
    unsafe fn from_raw(raw: Self::Raw) -> Self;

    /// Makes an argument for the original.
    #[doc(hidden)]
    fn into_raw(self) -> Self::Raw;

    /// Takes an argument from the word that it has in a register, or on the stack.
    #[doc(hidden)]
    fn from_word(word: u64) -> Self::Raw;

    /// Puts it back there.
    #[doc(hidden)]
    fn to_word(raw: Self::Raw) -> u64;
}

macro_rules! numbers {
    ($($number:ty: $code:literal),*) => {$(
        impl sealed::Sealed for $number {}
        // SAFETY: `Raw` is the number itself.
        unsafe impl Passed for $number {
            type Raw = Self;
            const CODE: u32 = $code;
            #[inline]
            unsafe fn from_raw(raw: Self) -> Self {
                raw
            }
            #[inline]
            fn into_raw(self) -> Self {
                self
            }
            #[inline]
            fn from_word(word: u64) -> Self {
                word as Self
            }
            #[inline]
            fn to_word(raw: Self) -> u64 {
                raw as u64
            }
        }
    )*};
}

numbers!(u8: 10, i8: 11, u16: 20, i16: 21, u32: 40, i32: 41, u64: 80, i64: 81, usize: 80, isize: 81);

impl sealed::Sealed for bool {}
// SAFETY: C's `bool` is one byte, 0 or 1.
unsafe impl Passed for bool {
    type Raw = Self;
    const CODE: u32 = 10;
    #[inline]
    unsafe fn from_raw(raw: Self) -> Self {
        raw
    }
    #[inline]
    fn into_raw(self) -> Self {
        self
    }
    #[inline]
    fn from_word(word: u64) -> Self {
        word & 1 != 0
    }
    #[inline]
    fn to_word(raw: Self) -> u64 {
        u64::from(raw)
    }
}

impl sealed::Sealed for () {}
// SAFETY: Nothing crosses; only a return type is `()`.
unsafe impl Passed for () {
    type Raw = Self;
    const CODE: u32 = 0;
    #[inline]
    unsafe fn from_raw(raw: Self) -> Self {
        raw
    }
    #[inline]
    fn into_raw(self) -> Self {
        self
    }
    #[inline]
    fn from_word(_: u64) -> Self {}
    #[inline]
    fn to_word(_: Self) -> u64 {
        0
    }
}

/// A pointer that a hooked function was given, and that can only be passed on.
///
/// # Invariants
///
/// It is what the function's caller passed, for as long as that call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opaque<'a>(*mut c_void, PhantomData<&'a ()>);

impl Opaque<'_> {
    /// Tells whether it is NULL.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Returns the address, to know it again.
    pub fn address(self) -> usize {
        self.0 as usize
    }

    #[doc(hidden)]
    #[inline]
    pub fn as_ptr(self) -> *mut c_void {
        self.0
    }
}

#[cfg(feature = "policies")]
macro_rules! pointer {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// # Invariants
        ///
        /// The pointer is what the hooked function's caller passed, and holds for `'a`.
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a>(*mut c_void, PhantomData<&'a ()>);

        impl $name<'_> {
            /// # Safety
            ///
            /// `raw` is what the name says, live until the handler returns.
            #[inline]
            pub(crate) unsafe fn new(raw: *mut c_void) -> Self {
                // INVARIANT: The caller promises.
                Self(raw, PhantomData)
            }

            #[inline]
            pub(crate) fn as_ptr(self) -> *mut c_void {
                self.0
            }
        }
    };
}

#[cfg(feature = "policies")]
pub(crate) use pointer;

macro_rules! pointers {
    ($($pointer:ty, $from:expr, $into:expr;)*) => {$(
        impl sealed::Sealed for $pointer {}
        // SAFETY: `Raw` is a pointer.
        unsafe impl Passed for $pointer {
            type Raw = *mut c_void;
            const CODE: u32 = 82;
            #[inline]
            unsafe fn from_raw(raw: *mut c_void) -> Self {
                // SAFETY: By the contract of this function: live until the handler returns.
                unsafe { $from(raw) }
            }
            #[inline]
            fn into_raw(self) -> *mut c_void {
                $into(self)
            }
            #[inline]
            fn from_word(word: u64) -> *mut c_void {
                word as *mut c_void
            }
            #[inline]
            fn to_word(raw: *mut c_void) -> u64 {
                raw as u64
            }
        }
    )*};
}

/// # Safety
///
/// None; the other pointers' have one.
#[inline]
unsafe fn opaque<'a>(raw: *mut c_void) -> Opaque<'a> {
    // INVARIANT: The caller promises.
    Opaque(raw, PhantomData)
}

/// # Safety
///
/// As [`Mm::from_raw`].
#[inline]
unsafe fn mm<'a>(raw: *mut c_void) -> Option<Mm<'a>> {
    // SAFETY: By the contract of this function.
    unsafe { Mm::from_raw(raw) }
}

/// # Safety
///
/// As [`Vma::from_raw`].
#[inline]
unsafe fn vma<'a>(raw: *mut c_void) -> Option<Vma<'a>> {
    // SAFETY: By the contract of this function.
    unsafe { Vma::from_raw(raw) }
}

pointers! {
    Opaque<'_>, opaque, Opaque::as_ptr;
    Option<Mm<'_>>, mm, |it: Self| it.map_or(core::ptr::null_mut(), |it| it.as_ptr().cast_mut());
    Option<Vma<'_>>, vma, |it: Self| it.map_or(core::ptr::null_mut(), |it| it.as_ptr().cast_mut());
}

/// What the functions of vkernel's own hooks take besides.
#[cfg(feature = "policies")]
mod policies {
    use super::{sealed, Passed};
    use crate::shmem::{File, Inode};
    use crate::zero_page::Fault;
    use core::ffi::c_void;

    /// # Safety
    ///
    /// `raw` is an inode of shmem that the function's caller holds: its functions are given no other.
    #[inline]
    unsafe fn inode<'a>(raw: *mut c_void) -> Inode<'a> {
        // SAFETY: By the contract of this function.
        unsafe { Inode::new(raw) }
    }

    /// # Safety
    ///
    /// `raw` is null or a file of shmem, as [`inode`].
    #[inline]
    unsafe fn file<'a>(raw: *mut c_void) -> File<'a> {
        // SAFETY: By the contract of this function.
        unsafe { File::new(raw) }
    }

    /// # Safety
    ///
    /// `raw` is a `struct vm_fault` that the function's caller holds.
    #[inline]
    unsafe fn fault<'a>(raw: *mut c_void) -> Fault<'a> {
        // SAFETY: By the contract of this function.
        unsafe { Fault::new(raw) }
    }

    pointers! {
        Inode<'_>, inode, Inode::as_ptr;
        File<'_>, file, File::as_ptr;
        Fault<'_>, fault, Fault::as_ptr;
    }
}

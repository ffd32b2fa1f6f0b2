// SPDX-License-Identifier: BSD-2-Clause
//! Owned objects in memory of malloc(9).

use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use super::bindings;
use crate::memory::Blank;

/// An object in memory of malloc(9), freed when dropped.
///
/// # Invariants
///
/// `0` came from `ipmi_kpi_malloc`, holds a valid `T` and is owned by this box alone.
pub struct Box<T>(NonNull<T>);

// SAFETY: The box owns its object, so it may go wherever the object may.
unsafe impl<T: Send> Send for Box<T> {}

/// Alignment that malloc(9) gives to any allocation of at least that size.
const ALIGNMENT: usize = 16;

/// A new object with its blank value. Sleeps if memory is short (`M_WAITOK`).
pub(crate) fn blank<T: Blank>() -> Box<T> {
    const {
        assert!(align_of::<T>() <= ALIGNMENT);
        assert!(size_of::<T>() > 0);
    }
    // SAFETY: malloc(9) with M_WAITOK returns memory of that size and never NULL; it is aligned
    // for `T` by the assertion above, and writing does not read what was there.
    let object = unsafe {
        let memory = bindings::ipmi_kpi_malloc(size_of::<T>()).cast::<T>();
        memory.write(T::BLANK);
        NonNull::new_unchecked(memory)
    };
    // INVARIANT: Fresh from ipmi_kpi_malloc, just written, known to nobody else.
    Box(object)
}

impl<T> Box<T> {
    /// Gives the object up to C, which gives it back by [`Box::from_raw`].
    pub(crate) fn into_raw(self) -> *mut T {
        let raw = self.0.as_ptr();
        core::mem::forget(self);
        raw
    }

    /// Takes an object back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`Box::into_raw`] and was not taken back before.
    pub(crate) unsafe fn from_raw(raw: *mut T) -> Box<T> {
        // INVARIANT: By the contract, this is the box that `into_raw` gave up.
        // SAFETY: A box's pointer is never NULL.
        Box(unsafe { NonNull::new_unchecked(raw) })
    }
}

impl<T> Deref for Box<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the invariant there is a valid object, borrowed for as long as the box is.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Box<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the invariant there is a valid object and no other access to it.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Box<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariant the object is valid, ours and from ipmi_kpi_malloc; nobody can
        // use it after this.
        unsafe {
            self.0.as_ptr().drop_in_place();
            bindings::ipmi_kpi_free(self.0.as_ptr().cast());
        }
    }
}

/// `Option<Box<T>>::as_deref` of the standard box, for the one name that code on the host and in
/// the kernel shares.
impl<T> AsRef<T> for Box<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

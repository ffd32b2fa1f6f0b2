// SPDX-License-Identifier: BSD-2-Clause
//! Memory that the kernel allocates on behalf of a module, which frees it; must not know what it
//! holds.

use crate::call;
use crate::imports;

const M_WAITOK: u64 = 2;
const M_ZERO: u64 = 0x100;

/// `len` zeroed bytes of type M_TEMP.
pub fn temporary(len: usize) -> u64 {
    let kind = imports::datum("M_TEMP");
    let malloc = imports::stub("malloc");
    call::module(malloc, &[len as u64, kind, M_WAITOK | M_ZERO])
}

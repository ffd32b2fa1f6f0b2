// SPDX-License-Identifier: BSD-2-Clause
//! Memory of user processes: reached with copyin(9) and copyout(9) only, and touching it
//! directly is a violation; must not know what is stored there.

/// Allocates `len` bytes of user memory, zeroed; the byte after the end faults.
pub fn alloc(len: usize) -> u64 {
    todo!("{len}")
}

/// Frees memory of [`alloc`].
pub fn free(address: u64) {
    todo!("{address:#x}")
}

/// Reads user memory as the process itself would; `None` is EFAULT.
pub fn load(address: u64, len: usize) -> Option<Vec<u8>> {
    todo!("{address:#x} {len}")
}

/// Writes user memory as the process itself would; `false` is EFAULT.
pub fn store(address: u64, data: &[u8]) -> bool {
    let _ = data;
    todo!("{address:#x}")
}

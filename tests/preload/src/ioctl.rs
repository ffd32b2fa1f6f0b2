// SPDX-License-Identifier: BSD-2-Clause
//! One ioctl: gathers the structure and what it points to, and puts back what comes; must not
//! know what the commands do, only where Linux's <linux/ipmi.h> has pointers.

use crate::link;
use crate::protocol::{Buffer, Request, EIO};

/// Where a structure has a pointer and the length of what that points to, and the length's width.
struct Pointer {
    at: usize,
    length_at: usize,
    length_width: usize,
}

const fn pointer(at: usize, length_at: usize, length_width: usize) -> Pointer {
    Pointer {
        at,
        length_at,
        length_width,
    }
}

/// Of `struct ipmi_req`: the address and the data.
const REQ: [Pointer; 2] = [pointer(0, 8, 4), pointer(32, 26, 2)];
/// Of `struct ipmi_recv`.
const RECV: [Pointer; 2] = [pointer(8, 16, 4), pointer(40, 34, 2)];

/// The pointers of a command's structure, by its number in the range of IPMI.
fn pointers(command: u32) -> &'static [Pointer] {
    match command & 0xffff {
        0x690b | 0x690c => &RECV,
        0x690d => &REQ,
        _ => &[],
    }
}

/// Longest thing that a pointer leads to; IPMI messages are far shorter.
const LONGEST: usize = 65536;

/// Has the lab's kernel carry the command out; an errno.
///
/// # Safety
///
/// `argument` points to the structure that the command names.
pub unsafe fn carry(fd: i32, command: u32, argument: *mut u8) -> i32 {
    let size = (command >> 16 & 0x3fff) as usize;
    if argument.is_null() {
        return libc::EFAULT;
    }
    // SAFETY: the caller's promise.
    let structure = unsafe { std::slice::from_raw_parts_mut(argument, size) };
    let pointers = pointers(command);
    let request = Request::Ioctl {
        command,
        argument: structure.to_vec(),
        // SAFETY: the structure is the command's, so its pointers and lengths belong together.
        buffers: pointers
            .iter()
            .map(|p| unsafe { gather(structure, p) })
            .collect(),
    };
    let reply = {
        let _alone = link::alone();
        link::converse(&mut link::of(fd), &request)
    };
    let Ok(reply) = reply else { return EIO };
    for (pointer, bytes) in pointers.iter().zip(&reply.buffers) {
        // SAFETY: no more comes back than was gathered from there.
        unsafe { spread(structure, pointer, bytes) };
    }
    if reply.argument.len() == size {
        put_back(structure, &reply.argument, pointers);
    }
    reply.errno
}

fn number(structure: &[u8], at: usize, width: usize) -> u64 {
    let bytes = structure.get(at..at + width).unwrap_or_default();
    bytes
        .iter()
        .rev()
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// # Safety
///
/// The pointer leads to as many bytes as the length says, or to nothing.
unsafe fn gather(structure: &[u8], pointer: &Pointer) -> Buffer {
    let address = number(structure, pointer.at, 8) as *const u8;
    let length = number(structure, pointer.length_at, pointer.length_width) as usize;
    let bytes = match address.is_null() {
        true => Vec::new(),
        // SAFETY: the caller's promise.
        false => unsafe { std::slice::from_raw_parts(address, length.min(LONGEST)) }.to_vec(),
    };
    Buffer {
        pointer_at: pointer.at as u32,
        bytes,
    }
}

/// # Safety
///
/// The pointer leads to as many bytes.
unsafe fn spread(structure: &[u8], pointer: &Pointer, bytes: &[u8]) {
    let address = number(structure, pointer.at, 8) as *mut u8;
    if !address.is_null() {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address, bytes.len()) };
    }
}

/// The structure as the kernel left it, with the program's own pointers.
fn put_back(structure: &mut [u8], from: &[u8], pointers: &[Pointer]) {
    for (at, byte) in from.iter().enumerate() {
        if !pointers.iter().any(|p| (p.at..p.at + 8).contains(&at)) {
            structure[at] = *byte;
        }
    }
}

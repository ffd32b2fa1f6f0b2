// SPDX-License-Identifier: BSD-2-Clause
//! The kernel's symbol table: every function and variable a module can link to, merged from the
//! files that implement them; must not know their meaning.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::arch::border;
use crate::args::{Args, Import};
use crate::kernel::with;
use crate::low::Region;
use crate::{
    callout, condvar, copyio, globals, kthread, malloc, mutex, sleepqueue, string, subsystems, sx,
    uptime,
};

/// A variable that modules import, e.g. `ticks`. It lives below 2 GiB, zeroed before `init`.
pub struct Datum {
    pub name: &'static str,
    pub size: usize,
    /// Called once a machine with the address, all other data already placed.
    pub init: fn(u64),
}

/// All tables of imported functions.
fn tables() -> Vec<&'static [(&'static str, Import)]> {
    let mut all = vec![
        globals::table(),
        mutex::table(),
        sx::table(),
        condvar::table(),
        sleepqueue::table(),
        callout::table(),
        kthread::table(),
        uptime::table(),
        malloc::table(),
        copyio::table(),
        string::table(),
    ];
    all.extend(subsystems::tables());
    all
}

/// All imported variables.
pub(crate) fn data() -> Vec<&'static Datum> {
    let own = [globals::data(), mutex::data(), malloc::data()];
    let mut all: Vec<_> = own.into_iter().flatten().collect();
    all.extend(subsystems::data().into_iter().flatten());
    all
}

/// The functions by index and the code by which modules reach them; the same for every machine.
struct Functions {
    by_name: BTreeMap<&'static str, usize>,
    by_index: Vec<(&'static str, Import)>,
    stubs: Region,
}

const STUB: usize = 16;

fn functions() -> &'static Functions {
    static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let by_index: Vec<_> = tables().into_iter().flatten().copied().collect();
        let mut by_name = BTreeMap::new();
        for (index, (name, _)) in by_index.iter().enumerate() {
            assert!(
                by_name.insert(*name, index).is_none(),
                "{name} is defined twice"
            );
        }
        let stubs = write_stubs(by_index.len());
        Functions {
            by_name,
            by_index,
            stubs,
        }
    })
}

/// `mov r11d, index; jmp [entry]` for each function, the entry's address in front of them.
fn write_stubs(count: usize) -> Region {
    let region = Region::new(STUB * (count + 1));
    let entry = border::ipmi_kernel_import_entry as *const () as u64;
    let mut code = entry.to_le_bytes().to_vec();
    code.resize(STUB, 0);
    for index in 0..count as u32 {
        code.extend([0x41, 0xbb]);
        code.extend(index.to_le_bytes());
        code.extend([0xff, 0x24, 0x25]);
        code.extend((region.base() as u32).to_le_bytes());
        code.resize(code.len().next_multiple_of(STUB), 0xcc);
    }
    // SAFETY: the region is fresh, writable and large enough.
    unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), region.base() as *mut u8, code.len()) };
    region.protect(
        0,
        code.len().next_multiple_of(4096),
        libc::PROT_READ | libc::PROT_EXEC,
    );
    region
}

/// Called by the border with the index that the stub has loaded.
pub(crate) fn dispatch(index: u32, args: &Args) -> u64 {
    functions().by_index[index as usize].1(args)
}

/// The stub of a function, if the kernel has it.
pub fn function(name: &str) -> Option<u64> {
    let all = functions();
    all.by_name
        .get(name)
        .map(|index| all.stubs.base() + (STUB * (index + 1)) as u64)
}

/// The function whose stub is at `address`.
pub fn function_at(address: u64) -> Option<&'static str> {
    let all = functions();
    let offset = address.checked_sub(all.stubs.base())? as usize;
    let (name, _) = all.by_index.get((offset / STUB).checked_sub(1)?)?;
    Some(name)
}

/// The address at which module code can call the kernel function `name`. Panics if there is none.
pub fn stub(name: &str) -> u64 {
    function(name).unwrap_or_else(|| panic!("the kernel has no function {name}"))
}

/// The address of the kernel variable `name` in the running machine. Panics if there is none.
pub fn datum(name: &str) -> u64 {
    let address = with(|k| k.globals.address(name));
    address.unwrap_or_else(|| panic!("the kernel has no variable {name}"))
}

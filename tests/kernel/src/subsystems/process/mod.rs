// SPDX-License-Identifier: BSD-2-Clause
//! User processes: threads of a test that reach the kernel through system calls only; must not
//! know drivers.

pub mod api;
pub mod table;

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use crate::machine::Hardware;
use crate::sched::{self, Role, Tid, Wait, Wake};
use crate::subsystems::devfs::{file, kqueue, poll};
use crate::subsystems::errno;
use crate::user;
use crate::with;
use table::Table;

/// The payload that ends a thread whose process was killed or has exited.
struct Exited;

/// One process, as its own threads see it.
#[derive(Clone)]
pub struct Process {
    shared: Rc<RefCell<Shared>>,
}

struct Shared {
    name: String,
    table: Table,
    threads: u32,
    killed: bool,
    /// User memory to free at exit.
    memory: Vec<u64>,
}

impl Process {
    /// A process without threads.
    fn new(name: &str, table: Table) -> Process {
        let shared = Shared {
            name: name.into(),
            table,
            threads: 0,
            killed: false,
            memory: vec![],
        };
        Process {
            shared: Rc::new(RefCell::new(shared)),
        }
    }

    /// Another thread of the same process, with the same descriptors.
    pub fn thread(&self, name: &str, body: impl FnOnce(&Process) + 'static) -> Tid {
        self.shared.borrow_mut().threads += 1;
        let process = self.clone();
        with(|k| {
            let tid = k.spawn(name, Role::User, Box::new(move || process.run(body)));
            k.sub.processes.insert(tid, self.clone());
            tid
        })
    }

    /// fork(2): a process of its own that shares the open files.
    pub fn fork(&self, name: &str, body: impl FnOnce(&Process) + 'static) -> Tid {
        let table = self.shared.borrow().table.clone();
        table.files().into_iter().for_each(file::hold);
        Process::new(name, table).thread(name, body)
    }

    /// The whole life of a thread.
    fn run(self, body: impl FnOnce(&Process)) {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| body(&self)));
        if let Err(payload) = outcome {
            if !payload.is::<Exited>() {
                panic::resume_unwind(payload);
            }
        }
        let last = {
            let mut shared = self.shared.borrow_mut();
            shared.threads -= 1;
            shared.threads == 0
        };
        if last {
            self.close_everything();
        }
        with(|k| k.sub.processes.remove(&k.sched.current));
    }

    fn close_everything(&self) {
        let (files, memory) = {
            let mut shared = self.shared.borrow_mut();
            let files = shared.table.take_all();
            (files, std::mem::take(&mut shared.memory))
        };
        files.into_iter().for_each(file::release);
        memory.into_iter().for_each(user::free);
    }

    /// Back in user mode: a killed process goes no further.
    pub(super) fn back<R>(&self, result: R) -> R {
        sched::preempt_point();
        if self.shared.borrow().killed {
            panic::resume_unwind(Box::new(Exited));
        }
        result
    }

    /// Ends the calling thread.
    pub fn exit(&self) -> ! {
        panic::resume_unwind(Box::new(Exited))
    }

    pub fn name(&self) -> String {
        self.shared.borrow().name.clone()
    }

    /// Nanoseconds since boot.
    pub fn now(&self) -> u64 {
        sched::now()
    }

    /// nanosleep(2); an errno if a signal came.
    pub fn sleep(&self, ns: u64) -> Result<(), i32> {
        let wait = Wait {
            deadline: Some(sched::now() + ns),
            interruptible: true,
            wmesg: "nanslp",
        };
        let wake = sched::block_on(sched::fresh_chan(), wait);
        self.back(match wake {
            Wake::Interrupted => Err(errno::EINTR),
            _ => Ok(()),
        })
    }

    /// open(2) of a device node, "/dev/ipmi0" or "ipmi0".
    pub fn open(&self, path: &str) -> Result<i32, i32> {
        let name = path.strip_prefix("/dev/").unwrap_or(path);
        let opened = file::open(name);
        self.back(opened.map(|file| self.shared.borrow_mut().table.insert(file)))
    }

    /// close(2).
    pub fn close(&self, fd: i32) -> Result<(), i32> {
        let removed = self.shared.borrow_mut().table.remove(fd);
        let file = removed.ok_or(errno::EBADF)?;
        file::release(file);
        self.back(Ok(()))
    }

    /// dup(2).
    pub fn dup(&self, fd: i32) -> Result<i32, i32> {
        let file = self.file(fd)?;
        file::hold(file);
        Ok(self.shared.borrow_mut().table.insert(file))
    }

    pub(super) fn file(&self, fd: i32) -> Result<u64, i32> {
        self.shared.borrow().table.get(fd).ok_or(errno::EBADF)
    }

    /// ioctl(2). `argument` is an address from [`Process::alloc`] or a number, as the command
    /// wants it.
    pub fn ioctl(&self, fd: i32, command: u64, argument: u64) -> Result<(), i32> {
        let file = self.file(fd)?;
        file::hold(file);
        let error = file::ioctl(file, command, argument);
        file::release(file);
        self.back(match error {
            0 => Ok(()),
            error => Err(error),
        })
    }

    /// poll(2) on (descriptor, events) pairs; what happened on each. `None` waits for ever.
    pub fn poll(&self, fds: &[(i32, i16)], timeout: Option<u64>) -> Result<Vec<i16>, i32> {
        let events: Vec<i16> = fds.iter().map(|(_, events)| *events).collect();
        let polled = poll::Polled {
            events: &events,
            file: &|n| self.file(fds[n].0).ok(),
        };
        let result = poll::poll(&polled, timeout);
        self.back(result)
    }

    /// kevent(2) with EVFILT_READ on one descriptor: can it be read before `timeout`?
    pub fn kevent_read(&self, fd: i32, timeout: Option<u64>) -> Result<bool, i32> {
        let result = kqueue::wait_readable(self.file(fd)?, timeout);
        self.back(result)
    }

    /// `len` bytes of zeroed user memory. Addresses outside of it fault.
    pub fn alloc(&self, len: usize) -> u64 {
        let address = user::alloc(len);
        self.shared.borrow_mut().memory.push(address);
        address
    }

    /// The same below 4 GiB, as a process of 32 bits has it.
    pub fn alloc_32(&self, len: usize) -> u64 {
        let address = user::alloc_32(len);
        self.shared.borrow_mut().memory.push(address);
        address
    }

    /// User memory that holds `data`.
    pub fn alloc_with(&self, data: &[u8]) -> u64 {
        let address = self.alloc(data.len().max(1));
        self.write(address, data);
        address
    }

    /// Gives memory back before the exit.
    pub fn free(&self, address: u64) {
        self.shared.borrow_mut().memory.retain(|a| *a != address);
        user::free(address);
    }

    /// Reads the process's own memory. Panics where the process would have died.
    pub fn read(&self, address: u64, len: usize) -> Vec<u8> {
        user::load(address, len).expect("a process read memory that it does not have")
    }

    /// Writes the process's own memory. Panics where the process would have died.
    pub fn write(&self, address: u64, data: &[u8]) {
        assert!(
            user::store(address, data),
            "a process wrote memory that it does not have"
        );
    }

    /// How often modules have allocated memory since boot.
    pub fn allocations(&self) -> u64 {
        with(|k| k.malloc.made())
    }

    /// The machine's hardware, for tests that act on it in the middle of things.
    pub fn hardware<T: Hardware, R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        with(|k| k.hardware_as(f))
    }
}

/// Interrupts what the thread sleeps in; with `kill` its process never comes back to user mode.
fn signal(tid: Tid, kill: bool) {
    let Some(process) = with(|k| k.sub.processes.get(&tid).cloned()) else {
        return;
    };
    if !kill {
        return sched::interrupt(tid);
    }
    process.shared.borrow_mut().killed = true;
    let same = |p: &Process| Rc::ptr_eq(&p.shared, &process.shared);
    let threads: Vec<Tid> = with(|k| {
        let all = k.sub.processes.iter();
        all.filter(|(_, p)| same(p)).map(|(tid, _)| *tid).collect()
    });
    threads.into_iter().for_each(sched::interrupt);
}

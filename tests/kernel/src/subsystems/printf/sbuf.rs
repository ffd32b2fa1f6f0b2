// SPDX-License-Identifier: BSD-2-Clause
//! sbuf(9): strings that grow, or that drain into a sysctl request; must not know sysctl's tree.

use std::collections::BTreeMap;

use super::{expand, expand_list};
use crate::args::{Args, Import};
use crate::call;
use crate::check::{violation, Kind};
use crate::mem;
use crate::subsystems::errno;
use crate::subsystems::sysctl::request;
use crate::with;

const AUTOEXTEND: u32 = 1;
const INCLUDENUL: u32 = 2;
/// sizeof(struct sbuf), all generations.
const STRUCT_LEN: usize = 72;
/// What sbuf_new_for_sysctl(9) takes when no length is given.
const SYSCTL_ROOM: usize = 64;

/// Where a full or finished buffer goes.
#[derive(Clone, Copy)]
enum Drain {
    /// A module's drain function and its argument.
    Function(u64, u64),
    /// A `struct sysctl_req`.
    Sysctl(u64),
}

struct Sbuf {
    text: Vec<u8>,
    /// Bytes without the NUL; `None` grows.
    room: Option<usize>,
    /// The caller's buffer, or the one made when the text is asked for.
    buffer: u64,
    buffer_is_ours: bool,
    struct_is_ours: bool,
    include_nul: bool,
    drain: Option<Drain>,
    error: i32,
    finished: bool,
}

/// All live sbufs by the address of their `struct sbuf`.
#[derive(Default)]
pub struct Sbufs(BTreeMap<u64, Sbuf>);

impl Sbufs {
    /// How many own memory that only sbuf_delete(9) frees.
    pub fn leaked(&self) -> usize {
        let owner = |s: &&Sbuf| s.struct_is_ours || (s.room.is_none() && s.buffer == 0);
        self.0.values().filter(owner).count()
    }
}

fn create(at: u64, buffer: u64, len: usize, flags: u32, drain: Option<Drain>) -> u64 {
    let address = match at {
        0 => mem::kalloc(STRUCT_LEN, "struct sbuf"),
        _ => at,
    };
    let sbuf = Sbuf {
        text: Vec::new(),
        room: (flags & AUTOEXTEND == 0).then(|| len.saturating_sub(1)),
        buffer,
        buffer_is_ours: false,
        struct_is_ours: at == 0,
        include_nul: flags & INCLUDENUL != 0,
        drain,
        error: 0,
        finished: false,
    };
    with(|k| k.sub.sbufs.0.insert(address, sbuf));
    address
}

/// Looks at the sbuf at `address`; one that does not exist is a violation.
fn on<R: Default>(address: u64, f: impl FnOnce(&mut Sbuf) -> R) -> R {
    let found = with(|k| k.sub.sbufs.0.get_mut(&address).map(f));
    found.unwrap_or_else(|| {
        violation(
            Kind::Lifetime,
            format!("sbuf {address:#x} is not initialised"),
        );
        R::default()
    })
}

/// Appends and, where the buffer is full, drains or remembers ENOMEM. 0 or -1.
fn append(address: u64, text: &[u8]) -> u64 {
    if on(address, |s| s.finished) {
        violation(Kind::Misuse, "text added to a finished sbuf");
    }
    for chunk in text.chunks(SYSCTL_ROOM) {
        let full = on(address, |s| {
            s.room.is_some_and(|room| s.text.len() + chunk.len() > room)
        });
        if full {
            drain(address);
        }
        on(address, |s| s.push(chunk));
    }
    on(address, |s| s.status())
}

impl Sbuf {
    fn push(&mut self, chunk: &[u8]) {
        if self.error != 0 {
            return;
        }
        let left = match (self.drain, self.room) {
            (None, Some(room)) => room.saturating_sub(self.text.len()),
            _ => usize::MAX,
        };
        if chunk.len() > left {
            self.error = errno::ENOMEM;
        }
        self.text.extend(chunk.iter().take(left));
    }

    fn status(&self) -> u64 {
        match self.error {
            0 => 0,
            _ => u64::MAX,
        }
    }
}

/// Hands the text to the drain function, if there is one.
fn drain(address: u64) {
    let taken = on(address, |s| {
        let drain = s.drain.filter(|_| s.error == 0 && !s.text.is_empty());
        drain.map(|drain| (drain, std::mem::take(&mut s.text)))
    });
    let Some((drain, text)) = taken else { return };
    let data = mem::kalloc(text.len(), "sbuf text");
    mem::put(data, &text);
    let error = match drain {
        Drain::Sysctl(req) => request::copy_out(req, data, text.len() as u64),
        Drain::Function(function, argument) => {
            match call::module(function, &[argument, data, text.len() as u64]) as i32 {
                0 => errno::EDEADLK,
                drained => (-drained).max(0),
            }
        }
    };
    mem::kfree(data);
    on(address, |s| s.error = error);
}

/// Puts the text where sbuf_data(9) finds it.
fn settle(address: u64) -> u64 {
    let (text, buffer, ours) = on(address, |s| {
        (s.text.clone(), s.buffer, s.buffer_is_ours || s.buffer == 0)
    });
    let buffer = if ours {
        if buffer != 0 {
            mem::kfree(buffer);
        }
        mem::kalloc(text.len() + 1, "sbuf text")
    } else {
        buffer
    };
    mem::put(buffer, &text);
    mem::write(buffer + text.len() as u64, 0u8);
    on(address, |s| {
        s.buffer = buffer;
        s.buffer_is_ours = ours;
    });
    buffer
}

fn sbuf_new(args: &Args) -> u64 {
    create(
        args.u64(0),
        args.u64(1),
        args.i32(2).max(0) as usize,
        args.u32(3),
        None,
    )
}

fn sbuf_new_for_sysctl(args: &Args) -> u64 {
    let len = match args.i32(2) {
        len if len > 0 => len as usize,
        _ => SYSCTL_ROOM,
    };
    let drain = Some(Drain::Sysctl(args.u64(3)));
    create(args.u64(0), args.u64(1), len, INCLUDENUL, drain)
}

fn sbuf_set_drain(args: &Args) -> u64 {
    let drain = Drain::Function(args.u64(1), args.u64(2));
    on(args.u64(0), |s| s.drain = Some(drain));
    0
}

fn sbuf_printf(args: &Args) -> u64 {
    append(args.u64(0), &expand(args, 1))
}

fn sbuf_vprintf(args: &Args) -> u64 {
    append(args.u64(0), &expand_list(args, 1))
}

fn sbuf_cat(args: &Args) -> u64 {
    append(args.u64(0), &mem::cstr_bytes(args.u64(1)))
}

fn sbuf_cpy(args: &Args) -> u64 {
    sbuf_clear(args);
    sbuf_cat(args)
}

fn sbuf_bcat(args: &Args) -> u64 {
    append(args.u64(0), &mem::bytes(args.u64(1), args.u64(2) as usize))
}

fn sbuf_putc(args: &Args) -> u64 {
    append(args.u64(0), &[args.u32(1) as u8])
}

fn sbuf_clear(args: &Args) -> u64 {
    on(args.u64(0), |s| {
        s.text.clear();
        s.error = 0;
        s.finished = false;
    });
    0
}

fn sbuf_trim(args: &Args) -> u64 {
    on(args.u64(0), |s| {
        let kept = s.text.trim_ascii_end().len();
        s.text.truncate(kept);
    });
    0
}

fn sbuf_finish(args: &Args) -> u64 {
    let address = args.u64(0);
    let drains = on(address, |s| {
        if s.drain.is_some() && s.include_nul {
            s.text.push(0);
        }
        s.drain.is_some()
    });
    if drains {
        drain(address);
    } else {
        settle(address);
    }
    on(address, |s| {
        s.finished = true;
        s.error as u64
    })
}

fn sbuf_data(args: &Args) -> u64 {
    settle(args.u64(0))
}

fn sbuf_len(args: &Args) -> u64 {
    on(args.u64(0), |s| match s.error {
        0 => s.text.len() as u64 + u64::from(s.include_nul),
        _ => u64::MAX,
    })
}

fn sbuf_error(args: &Args) -> u64 {
    on(args.u64(0), |s| s.error as u64)
}

fn sbuf_done(args: &Args) -> u64 {
    on(args.u64(0), |s| u64::from(s.finished))
}

fn sbuf_clear_flags(args: &Args) -> u64 {
    let flags = args.u32(1);
    on(args.u64(0), |s| s.include_nul &= flags & INCLUDENUL == 0);
    0
}

fn sbuf_delete(args: &Args) -> u64 {
    let address = args.u64(0);
    let Some(sbuf) = with(|k| k.sub.sbufs.0.remove(&address)) else {
        violation(Kind::Lifetime, format!("sbuf {address:#x} deleted twice"));
        return 0;
    };
    if sbuf.buffer_is_ours {
        mem::kfree(sbuf.buffer);
    }
    if sbuf.struct_is_ours {
        mem::kfree(address);
    }
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[
        ("sbuf_new", sbuf_new),
        ("sbuf_new_for_sysctl", sbuf_new_for_sysctl),
        ("sbuf_set_drain", sbuf_set_drain),
        ("sbuf_printf", sbuf_printf),
        ("sbuf_vprintf", sbuf_vprintf),
        ("sbuf_cat", sbuf_cat),
        ("sbuf_cpy", sbuf_cpy),
        ("sbuf_bcat", sbuf_bcat),
        ("sbuf_putc", sbuf_putc),
        ("sbuf_clear", sbuf_clear),
        ("sbuf_trim", sbuf_trim),
        ("sbuf_finish", sbuf_finish),
        ("sbuf_data", sbuf_data),
        ("sbuf_len", sbuf_len),
        ("sbuf_error", sbuf_error),
        ("sbuf_done", sbuf_done),
        ("sbuf_clear_flags", sbuf_clear_flags),
        ("sbuf_delete", sbuf_delete),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subsystems::testing::{kernel, on_machine};

    fn text(sbuf: u64) -> String {
        mem::cstr(kernel("sbuf_data", &[sbuf]))
    }

    #[test]
    fn one_that_grows_keeps_everything() {
        let text = on_machine(|| {
            let sbuf = kernel("sbuf_new", &[0, 0, 0, u64::from(AUTOEXTEND)]);
            for n in 0..100 {
                let format = mem::intern("%d,");
                assert_eq!(kernel("sbuf_printf", &[sbuf, format, n]), 0);
            }
            assert_eq!(kernel("sbuf_finish", &[sbuf]), 0);
            let text = text(sbuf);
            assert_eq!(kernel("sbuf_len", &[sbuf]), text.len() as u64);
            kernel("sbuf_delete", &[sbuf]);
            assert_eq!(with(|k| k.sub.sbufs.leaked()), 0);
            text
        });
        assert!(text.starts_with("0,1,2,") && text.ends_with("98,99,"));
    }

    #[test]
    fn one_that_is_full_says_so() {
        on_machine(|| {
            let (sbuf, buffer) = (mem::kalloc(STRUCT_LEN, "sbuf"), mem::kalloc(8, "buffer"));
            kernel("sbuf_new", &[sbuf, buffer, 8, 0]);
            assert_eq!(kernel("sbuf_cat", &[sbuf, mem::intern("1234567")]), 0);
            assert_eq!(kernel("sbuf_putc", &[sbuf, 56]), u64::MAX);
            let error = kernel("sbuf_finish", &[sbuf]);
            assert_eq!(error, errno::ENOMEM as u64);
            assert_eq!(mem::cstr(buffer), "1234567");
            kernel("sbuf_delete", &[sbuf]);
        });
    }
}

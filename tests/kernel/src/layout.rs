// SPDX-License-Identifier: BSD-2-Clause
//! Where modules built for each FreeBSD look into `struct thread` and `struct proc`; must not
//! know threads. The numbers are what the compiler says of <sys/proc.h> of 13.2, 14 and 15.

/// A FreeBSD release line, as `MODULE_DEPEND(…, kernel, …)` of a module names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    Thirteen,
    Fourteen,
    #[default]
    Fifteen,
}

impl Generation {
    /// From an `__FreeBSD_version`, if it is one this kernel can play.
    pub fn of(version: u32) -> Option<Generation> {
        match version / 100_000 {
            13 => Some(Generation::Thirteen),
            14 => Some(Generation::Fourteen),
            15 => Some(Generation::Fifteen),
            _ => None,
        }
    }

    /// The kernel's own `__FreeBSD_version`: that of 13.2, 14.0 or 15.1.
    pub fn osreldate(self) -> u32 {
        match self {
            Generation::Thirteen => 1_302_001,
            Generation::Fourteen => 1_400_097,
            Generation::Fifteen => 1_501_000,
        }
    }

    pub(crate) fn layout(self) -> &'static Layout {
        match self {
            Generation::Thirteen => &THIRTEEN,
            Generation::Fourteen => &FOURTEEN,
            Generation::Fifteen => &FIFTEEN,
        }
    }
}

/// Offsets into the two structures.
pub(crate) struct Layout {
    pub td_proc: u64,
    pub td_tid: u64,
    pub td_name: u64,
    /// 15 has the variable `scheduler_stopped` instead.
    pub td_stopsched: Option<u64>,
    pub p_pid: u64,
    pub p_comm: u64,
}

const THIRTEEN: Layout = Layout {
    td_proc: 8,
    td_tid: 160,
    td_name: 700,
    td_stopsched: Some(306),
    p_pid: 196,
    p_comm: 984,
};

const FOURTEEN: Layout = Layout {
    td_proc: 8,
    td_tid: 160,
    td_name: 724,
    td_stopsched: Some(314),
    p_pid: 196,
    p_comm: 992,
};

const FIFTEEN: Layout = Layout {
    td_proc: 8,
    td_tid: 160,
    td_name: 732,
    td_stopsched: None,
    p_pid: 196,
    p_comm: 992,
};

/// `struct thread` and `struct proc` share a page; the second half is the process.
pub(crate) const PROC: u64 = 2048;
/// MAXCOMLEN of <sys/param.h>, without the NUL.
pub(crate) const NAME: usize = 19;

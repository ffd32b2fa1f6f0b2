// SPDX-License-Identifier: BSD-2-Clause
//! The processor's part: stacks, switches, the border to module code and traps, for amd64 on
//! Linux; must not know what kernel threads or imports do.

pub mod border;
pub mod pcpu;
pub mod signal;
pub mod spin;
pub mod stack;
pub mod trap;

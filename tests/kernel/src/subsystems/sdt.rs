// SPDX-License-Identifier: BSD-2-Clause
//! SDT probes, with nobody tracing; must not know what is probed.

use crate::args::{Args, Import};
use crate::imports::{self, Datum};
use crate::mem;

/// Called only while probes are enabled, which they never are.
fn sdt_probe(_args: &Args) -> u64 {
    0
}

pub fn table() -> &'static [(&'static str, Import)] {
    &[("sdt_probe", sdt_probe), ("sdt_probe6", sdt_probe)]
}

pub fn data() -> &'static [Datum] {
    &[
        Datum {
            name: "sdt_probes_enabled",
            size: 1,
            init: |at| mem::write(at, 0u8),
        },
        Datum {
            name: "sdt_probe_func",
            size: 8,
            init: |at| mem::write(at, imports::stub("sdt_probe")),
        },
    ]
}

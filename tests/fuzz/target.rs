// SPDX-License-Identifier: BSD-2-Clause
//! The check that this program is named after, for libFuzzer to find bytes for.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    (ipmi_parsers::target(env!("CARGO_BIN_NAME")).check)(bytes)
});

// SPDX-License-Identifier: BSD-2-Clause
//! The module under test as a file: where it is and what its bytes are. Must not load it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Where `make` puts the module.
pub const DEFAULT: &str = "build/ipmi.ko";
/// The one for FreeBSD 14.
pub const DEFAULT_14: &str = "build/14/ipmi.ko";
/// And the one for Linux processes.
pub const DEFAULT_LINUX: &str = "build/ipmi_linux.ko";

/// A module's file.
#[derive(Clone, Debug)]
pub struct Ko {
    pub path: PathBuf,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl Ko {
    pub fn open(path: &Path) -> Result<Ko> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read {}; `make` builds {DEFAULT}", path.display()))?;
        let sha256 = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Ko {
            path: path.to_path_buf(),
            sha256,
        })
    }

    /// The module that tests run on: `IPMI_KO`, or the default within the workspace.
    pub fn under_test() -> Result<Ko> {
        named_or("IPMI_KO", DEFAULT)
    }

    /// The module of FreeBSD 14, likewise `IPMI_KO_14`.
    pub fn of_14_under_test() -> Result<Ko> {
        named_or("IPMI_KO_14", DEFAULT_14)
    }

    /// The module with the ioctls of Linux processes, likewise `IPMI_LINUX_KO`.
    pub fn linux_under_test() -> Result<Ko> {
        named_or("IPMI_LINUX_KO", DEFAULT_LINUX)
    }
}

fn named_or(variable: &str, default: &str) -> Result<Ko> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let default = || workspace.join(default);
    Ko::open(&std::env::var_os(variable).map_or_else(default, PathBuf::from))
}

// SPDX-License-Identifier: BSD-2-Clause
//! What is expected of the gate's findings. Must not know what file they are of.

use ipmi_gate::{Finding, Rule};

/// That exactly one violation was found, of `rule`, and says `words`.
#[track_caller]
pub fn breaks(findings: &[Finding], rule: Rule, words: &str) {
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].rule, rule, "{findings:?}");
    assert!(findings[0].text.contains(words), "{findings:?}");
}

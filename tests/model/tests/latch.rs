// SPDX-License-Identifier: BSD-2-Clause
//! Numbers published together, in every interleaving of who writes and who reads them.

use loom::sync::Arc;
use loom::thread;

use ipmi_model::latch::Latch;

/// The second write is to the copy that the reader may have begun with.
#[test]
fn numbers_that_belong_together_are_read_together() {
    loom::model(|| {
        let latch = Arc::new(Latch::new());
        let writer = {
            let latch = latch.clone();
            thread::spawn(move || {
                latch.write([1, 1]);
                latch.write([2, 2]);
            })
        };
        let [first, second] = latch.read();
        assert_eq!(first, second, "torn");
        writer.join().unwrap();
        assert_eq!(latch.read(), [2, 2]);
    });
}

#[test]
fn numbers_never_go_back() {
    loom::model(|| {
        let latch = Arc::new(Latch::new());
        let writer = {
            let latch = latch.clone();
            thread::spawn(move || {
                latch.write([1]);
                latch.write([2]);
            })
        };
        let before = latch.read();
        assert!(latch.read() >= before);
        writer.join().unwrap();
    });
}

// SPDX-License-Identifier: BSD-2-Clause
//! Many runs on all processors, a machine a host thread, told in the order asked for. Must not
//! know what a run is made of.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Mutex;
use std::thread;

use anyhow::Result;

/// Does every job, `done` being called after each, and gives the results in the order of jobs;
/// the first error ends it all.
pub fn each<J: Sync, R: Send>(
    jobs: &[J],
    work: impl Fn(&J) -> Result<R> + Sync,
    done: impl Fn() + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Result<R>)>> = Mutex::new(Vec::new());
    let hands = thread::available_parallelism()
        .map_or(1, |n| n.get())
        .min(jobs.len());
    thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| loop {
                let index = next.fetch_add(1, Relaxed);
                let Some(job) = jobs.get(index) else { return };
                let result = work(job);
                if result.is_err() {
                    next.store(jobs.len(), Relaxed);
                }
                results
                    .lock()
                    .unwrap_or_else(|e| e.into_inner())
                    .push((index, result));
                done();
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|e| e.into_inner());
    results.sort_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_jobs() {
        let jobs: Vec<u32> = (0..100).collect();
        let squares = each(&jobs, |job| Ok(job * job), || {}).unwrap();
        assert_eq!(squares[9], 81);
        assert_eq!(squares.len(), 100);
    }

    #[test]
    fn an_error_ends_it() {
        let jobs: Vec<u32> = (0..100).collect();
        assert!(each(&jobs, |_| -> Result<()> { anyhow::bail!("no") }, || {}).is_err());
    }
}

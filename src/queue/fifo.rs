// SPDX-License-Identifier: BSD-2-Clause
//! First in, first out, without an array: requests are chained by themselves.

use super::Request;
use crate::memory::Box;
use core::mem::{forget, swap};

/// First in, first out, by two stacks: pushing and popping cost a few moves, no search.
pub(super) struct Fifo {
    pub(super) oldest: Option<Box<Request>>,
    pub(super) newest: Option<Box<Request>>,
}

impl Fifo {
    pub(super) const EMPTY: Fifo = Fifo {
        oldest: None,
        newest: None,
    };

    pub(super) fn push(&mut self, request: Box<Request>) {
        // Most often it is alone and need not be turned over.
        if self.is_empty() {
            return self.push_front(request);
        }
        chain(&mut self.newest, request);
    }

    /// Puts one back in front of all others.
    pub(super) fn push_front(&mut self, request: Box<Request>) {
        chain(&mut self.oldest, request);
    }

    fn turn(&mut self) {
        if self.oldest.is_none() {
            while let Some(request) = unchain(&mut self.newest) {
                self.push_front(request);
            }
        }
    }

    pub(super) fn front(&mut self) -> Option<&Request> {
        self.turn();
        self.oldest.as_deref()
    }

    pub(super) fn pop(&mut self) -> Option<Box<Request>> {
        self.turn();
        unchain(&mut self.oldest)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.oldest.is_none() && self.newest.is_none()
    }
}

/// Puts `request`, which is in no chain, in front of the chain at `head`. Moves by exchange, here and
/// in [`unchain`]: an assignment would look for something to drop where nothing can be.
fn chain(head: &mut Option<Box<Request>>, mut request: Box<Request>) {
    swap(&mut request.next, head);
    forget(head.replace(request));
}

/// Takes the first of the chain at `head`.
fn unchain(head: &mut Option<Box<Request>>) -> Option<Box<Request>> {
    let mut request = head.take()?;
    swap(&mut request.next, head);
    Some(request)
}

impl Drop for Fifo {
    /// One at a time: a list that drops its tail recursively would run off the kernel stack.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

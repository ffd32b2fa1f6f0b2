// SPDX-License-Identifier: BSD-2-Clause
//! First in, first out, without an array: requests are chained by themselves.

use super::Request;
use crate::memory::Box;

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

    pub(super) fn push(&mut self, mut request: Box<Request>) {
        // Most often it is alone and need not be turned over.
        if self.is_empty() {
            return self.push_front(request);
        }
        request.next = self.newest.take();
        self.newest = Some(request);
    }

    /// Puts one back in front of all others.
    pub(super) fn push_front(&mut self, mut request: Box<Request>) {
        request.next = self.oldest.take();
        self.oldest = Some(request);
    }

    fn turn(&mut self) {
        if self.oldest.is_none() {
            while let Some(mut request) = self.newest.take() {
                self.newest = request.next.take();
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
        let mut request = self.oldest.take()?;
        self.oldest = request.next.take();
        Some(request)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.oldest.is_none() && self.newest.is_none()
    }
}

impl Drop for Fifo {
    /// One at a time: a list that drops its tail recursively would run off the kernel stack.
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

// SPDX-License-Identifier: BSD-2-Clause
//! The order in which locks are taken, as witness(4) watches it: by the types of locks, not by
//! the locks; must not know who holds what.

use std::collections::{BTreeMap, BTreeSet};

use super::Held;

/// Names of locks and types, and which type was taken while which was held.
#[derive(Default)]
pub struct Witness {
    names: Vec<String>,
    ids: BTreeMap<String, u32>,
    /// For each type the types that were taken while it was held.
    after: BTreeMap<u32, BTreeSet<u32>>,
    reported: BTreeSet<(u32, u32)>,
}

impl Witness {
    pub fn name(&self, id: u32) -> &str {
        &self.names[id as usize]
    }

    /// The number of a name.
    pub fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.names.push(text.to_string());
        self.ids.insert(text.to_string(), id);
        id
    }

    fn reaches(&self, from: u32, to: u32) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(kind) = todo.pop() {
            if kind == to {
                return true;
            }
            if seen.insert(kind) {
                todo.extend(self.after.get(&kind).into_iter().flatten());
            }
        }
        false
    }

    /// What is wrong with taking a lock of `kind` while `held` are held; once for each pair.
    pub fn order(&mut self, held: &[Held], kind: u32, dup_ok: bool) -> Option<String> {
        let mut held = held.iter().filter(|h| h.witness);
        held.find_map(|h| match h.kind == kind {
            true => self.twice(kind, dup_ok),
            false => self.pair(h.kind, kind),
        })
    }

    fn twice(&mut self, kind: u32, dup_ok: bool) -> Option<String> {
        let new = !dup_ok && self.reported.insert((kind, kind));
        new.then(|| format!("two locks of type {} held at once", self.name(kind)))
    }

    /// `second` is taken while `first` is held.
    fn pair(&mut self, first: u32, second: u32) -> Option<String> {
        let known = self.after.get(&first);
        if known.is_some_and(|set| set.contains(&second)) {
            return None;
        }
        if !self.reaches(second, first) {
            self.after.entry(first).or_default().insert(second);
            return None;
        }
        let new = self.reported.insert((first, second));
        let (first, second) = (self.name(first), self.name(second));
        new.then(|| format!("{second} taken with {first} held, after the reverse"))
    }
}

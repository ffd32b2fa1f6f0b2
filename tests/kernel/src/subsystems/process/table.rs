// SPDX-License-Identifier: BSD-2-Clause
//! A process's descriptors; must not know what the files are.

/// File ids by descriptor; the lowest free number is used first.
#[derive(Clone, Default)]
pub struct Table(Vec<Option<u64>>);

/// Standard input, output and error are open and lead nowhere.
const FIRST: usize = 3;

impl Table {
    pub fn insert(&mut self, file: u64) -> i32 {
        let at = match self.0.iter().position(Option::is_none) {
            Some(at) => at,
            None => {
                self.0.push(None);
                self.0.len() - 1
            }
        };
        self.0[at] = Some(file);
        (at + FIRST) as i32
    }

    fn slot(&mut self, fd: i32) -> Option<&mut Option<u64>> {
        let at = usize::try_from(fd).ok()?.checked_sub(FIRST)?;
        self.0.get_mut(at)
    }

    pub fn get(&self, fd: i32) -> Option<u64> {
        let at = usize::try_from(fd).ok()?.checked_sub(FIRST)?;
        *self.0.get(at)?
    }

    pub fn remove(&mut self, fd: i32) -> Option<u64> {
        self.slot(fd)?.take()
    }

    /// Every open file, once for each descriptor.
    pub fn files(&self) -> Vec<u64> {
        self.0.iter().flatten().copied().collect()
    }

    /// Closes all; the files.
    pub fn take_all(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.0).into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_descriptor_is_used() {
        let mut table = Table::default();
        assert_eq!(
            [table.insert(10), table.insert(11), table.insert(12)],
            [3, 4, 5]
        );
        assert_eq!(table.remove(4), Some(11));
        assert_eq!(table.remove(4), None);
        assert_eq!(table.insert(13), 4);
        assert_eq!(table.get(5), Some(12));
        assert_eq!(table.get(-1), None);
        assert_eq!(table.take_all(), [10, 13, 12]);
    }
}

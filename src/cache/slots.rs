//! Numbered places for values that come and go.
//!
//! Values lie in chunks that never move and are not given back, so that finding one costs one look
//! into a short table, and making or dropping one allocates no memory.

/// The values in a chunk.
const CHUNK: usize = 256;

/// Places for values, each with a number.
pub struct Slots<T> {
    chunks: Vec<Box<[Option<T>]>>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }
}

/// The chunk of a number, and the place in it.
#[inline]
fn place(number: u32) -> (usize, usize) {
    (number as usize / CHUNK, number as usize % CHUNK)
}

impl<T> Slots<T> {
    /// Keeps a value. Returns its number, which is not 0 and may have been another's that is gone.
    pub fn insert(&mut self, value: T) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| self.grow());
        let (chunk, at) = place(number);
        self.chunks[chunk][at] = Some(value);
        number
    }

    /// Adds a chunk; returns its first number, the others are free.
    fn grow(&mut self) -> u32 {
        let end = ((self.chunks.len() + 1) * CHUNK) as u32;
        // 0 names nothing.
        let first = (end - CHUNK as u32).max(1);
        self.chunks.push((0..CHUNK).map(|_| None).collect());
        self.free.extend((first + 1..end).rev());
        first
    }

    /// The value with this number, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        let (chunk, at) = place(number);
        self.chunks.get(chunk)?[at].as_ref()
    }

    /// The value with this number, to be changed, if there is one.
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (chunk, at) = place(number);
        self.chunks.get_mut(chunk)?[at].as_mut()
    }

    /// All values.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().flatten()
    }

    /// Takes the value with this number away, if there is one.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let (chunk, at) = place(number);
        let value = self.chunks.get_mut(chunk)?[at].take()?;
        self.free.push(number);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_number_until_they_are_removed() {
        let mut slots = Slots::default();
        let numbers: Vec<u32> = (0..600).map(|value| slots.insert(value)).collect();
        for (value, &number) in numbers.iter().enumerate() {
            assert_eq!(slots.get(number), Some(&value));
        }
        assert!(!numbers.contains(&0));
        assert_eq!(slots.remove(numbers[300]), Some(300));
        assert_eq!(slots.remove(numbers[300]), None);
        assert_eq!(slots.get(numbers[300]), None);
        assert_eq!(slots.insert(7), numbers[300], "free numbers come first");
        assert_eq!(slots.get_mut(1 << 20), None);
        assert_eq!(
            slots.iter().sum::<usize>(),
            (0..600).sum::<usize>() - 300 + 7
        );
    }
}

//! The choice of the mutants that run: a sample that a seed determines, and a part for one of
//! several machines.

use user::random::Random;

/// One of several equal parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// Reads `K/N`, where K is 0 to N - 1.
    pub fn parse(text: &str) -> Result<Self, String> {
        let cure = || format!("`{text}` is no part; write K/N, from 0/4 to 3/4 for a quarter each");
        let (index, count) = text.split_once('/').ok_or_else(cure)?;
        let index = index.parse().map_err(|_| cure())?;
        let count = count.parse().map_err(|_| cure())?;
        if index >= count {
            return Err(cure());
        }
        Ok(Self { index, count })
    }

    /// Returns the items of this part: every n-th of the list, so that each part has mutants of all
    /// files.
    pub fn of(self, all: &[String]) -> Vec<String> {
        all.iter()
            .skip(self.index)
            .step_by(self.count)
            .cloned()
            .collect()
    }
}

/// Returns `count` of the items, or all if there are fewer, by the first steps of a shuffle
/// (Durstenfeld, "Algorithm 235", CACM 1964).
pub fn sample(all: &[String], count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let mut items = all.to_vec();
    let count = count.min(items.len());
    for index in 0..count {
        let rest = (items.len() - index) as u64;
        items.swap(index, index + random.below(rest) as usize);
    }
    items.truncate(count);
    items
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| number.to_string()).collect()
    }

    #[test]
    fn the_parts_are_everything_once() {
        let all = names(10);
        let mut together = Vec::new();
        for part in ["0/3", "1/3", "2/3"] {
            together.extend(Shard::parse(part).expect("a part").of(&all));
        }
        assert_eq!(together.len(), 10);
        assert_eq!(BTreeSet::from_iter(together), BTreeSet::from_iter(all));
        for bad in ["", "1", "3/3", "0/0", "-1/2", "a/b", "1/2/3"] {
            assert!(Shard::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sample_has_no_item_twice_and_reaches_every_one() {
        let all = names(20);
        let mut seen = BTreeSet::new();
        for seed in 0..50 {
            let sample = sample(&all, 5, seed);
            assert_eq!(BTreeSet::from_iter(&sample).len(), 5);
            seen.extend(sample);
        }
        assert_eq!(seen.len(), 20);
        assert_eq!(sample(&all, 7, 1), sample(&all, 7, 1));
        assert_ne!(sample(&all, 7, 1), sample(&all, 7, 2));
        assert_eq!(sample(&all, 30, 1).len(), 20);
    }
}

//! The choice of the mutants that run: a sample that a seed determines, and a part for one of
//! several machines.

use user::random::Random;

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

//! Shrinking of failing programs by delta debugging (Zeller and Hildebrandt, "Simplifying and
//! isolating failure-inducing input", IEEE TSE 2002). Afterwards, each remaining step is tried
//! without other harts acting inside it.
//!
//! No library is used. A library's single pass, which removes one step after the other, ends with
//! programs ten times as long, because the removal of one step often makes an earlier one
//! superfluous.

use crate::step::Step;

/// Returns a part of the program that still fails, after trying at most `tries` parts.
pub fn shrink(
    mut program: Vec<Step>,
    mut tries: u32,
    mut fails: impl FnMut(&[Step]) -> bool,
) -> Vec<Step> {
    let mut try_it = |program: &mut Vec<Step>, smaller: Vec<Step>| {
        let better = tries > 0 && fails(&smaller);
        tries = tries.saturating_sub(1);
        if better {
            *program = smaller;
        }
        better
    };
    loop {
        let mut smaller = false;
        let mut chunk = program.len().div_ceil(2);
        while chunk > 0 {
            // From the end, because later steps depend on earlier ones.
            let mut end = program.len();
            while end > 0 {
                let start = end.saturating_sub(chunk);
                let mut rest = program.clone();
                rest.drain(start..end);
                smaller |= try_it(&mut program, rest);
                end = start;
            }
            chunk /= 2;
        }
        for index in 0..program.len() {
            let mut alone = program.clone();
            if std::mem::take(&mut alone[index].crowded) {
                smaller |= try_it(&mut program, alone);
            }
        }
        if !smaller {
            return program;
        }
    }
}

#[cfg(test)]
mod tests {
    use mm::pt::{Format, Sv39};

    use super::*;

    #[test]
    fn what_matters_is_left() {
        let program: Vec<_> = (0..200)
            .map(|seed| Step::from_seed(seed, Sv39::USER_TOP, None))
            .collect();
        let needed = [program[17], program[160]];
        let mut tried = 0;
        let small = shrink(program, 5000, |program| {
            tried += 1;
            needed
                .iter()
                .all(|step| program.iter().any(|it| it.seed == step.seed))
        });
        assert_eq!(small.len(), 2);
        assert!(small.iter().all(|step| !step.crowded));
        assert!(tried < 200, "{tried}");
    }

    #[test]
    fn it_ends_when_it_must() {
        let program: Vec<_> = (0..50)
            .map(|seed| Step::from_seed(seed, Sv39::USER_TOP, None))
            .collect();
        let mut tried = 0;
        shrink(program, 7, |_| {
            tried += 1;
            true
        });
        assert!(tried <= 7);
    }
}

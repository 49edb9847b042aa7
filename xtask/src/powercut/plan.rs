//! The plan of one cut: the writing program, the moment of the cut, and the recovery of the disk.

use std::fmt;
use std::time::Duration;

use user::promises;
use user::random::Random;

/// The plan of one cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The seed, which determines the other fields and which unflushed writes are lost.
    pub seed: u64,
    /// The writing program.
    pub workload: Workload,
    /// The moment of the cut.
    pub moment: Moment,
    /// How the disk that lost writes is recovered.
    pub recovery: Recovery,
}

/// A program that writes until the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// `promises`: the calls that returned are known.
    Promises,
    /// `stressfs`, repeated.
    Stressfs,
    /// `grind`.
    Grind,
    /// This test of `usertests`, repeated.
    Usertests(&'static str),
}

/// The moment of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This long after the first output of the workload.
    After(Duration),
    /// As soon as the workload reports that this many calls have returned.
    Promise(u64),
}

/// How a disk is recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// A mount on the host.
    Mount,
    /// A boot from the disk.
    Boot,
}

/// The tests of `usertests` that have most to do with files.
const FILE_TESTS: [&str; 20] = [
    "truncate1",
    "truncate2",
    "truncate3",
    "openiput",
    "exitiput",
    "iput",
    "writetest",
    "writebig",
    "createtest",
    "sharedfd",
    "fourfiles",
    "createdelete",
    "unlinkread",
    "linktest",
    "concreate",
    "linkunlink",
    "subdir",
    "bigwrite",
    "bigfile",
    "manywrites",
];

/// The latest moment of a cut, in milliseconds after the first output.
const LATEST: u64 = 2500;
/// The largest number of calls before a cut, which take about as long as [`LATEST`].
const LAST_PROMISE: u64 = 2000;
/// More rounds of `stressfs` than fit into [`LATEST`].
const STRESSFS_ROUNDS: usize = 50;

impl Plan {
    /// Returns the plan that a seed determines. Successive seeds go through the workloads in turn.
    /// Every other workload is `promises`, because it shows most.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let workload = match seed % 6 {
            1 => Workload::Stressfs,
            3 => Workload::Grind,
            5 => Workload::Usertests(random.choose(&FILE_TESTS)),
            _ => Workload::Promises,
        };
        let moment = if workload == Workload::Promises && random.once_in(2) {
            Moment::Promise(1 + random.below(LAST_PROMISE))
        } else {
            Moment::After(Duration::from_millis(random.below(LATEST)))
        };
        let recovery = if random.once_in(4) {
            Recovery::Boot
        } else {
            Recovery::Mount
        };
        Self {
            seed,
            workload,
            moment,
            recovery,
        }
    }

    /// Returns the shell line of the workload.
    pub fn line(&self) -> String {
        match self.workload {
            Workload::Promises => format!("promises {}", self.seed),
            Workload::Stressfs => vec!["stressfs"; STRESSFS_ROUNDS].join("; "),
            Workload::Grind => format!("grind -s {}", self.seed),
            Workload::Usertests(name) => format!("usertests -c {name}"),
        }
    }

    /// Returns the beginning of the workload's first output.
    pub fn first_output(&self) -> String {
        match self.workload {
            Workload::Promises => promises::STARTED.to_owned(),
            Workload::Stressfs => "stressfs: starting".to_owned(),
            Workload::Grind => "grind: seed".to_owned(),
            Workload::Usertests(name) => format!("test {name}: "),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: ", self.seed)?;
        match self.workload {
            Workload::Promises => write!(f, "promises")?,
            Workload::Stressfs => write!(f, "stressfs")?,
            Workload::Grind => write!(f, "grind")?,
            Workload::Usertests(name) => write!(f, "usertests {name}")?,
        }
        match self.moment {
            Moment::After(time) => {
                write!(f, ", cut {} ms after its first output", time.as_millis())
            }
            Moment::Promise(number) => write!(f, ", cut after call {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_seeds_try_everything() {
        let plans: Vec<_> = (1..=200).map(Plan::new).collect();
        let count = |what: fn(&Plan) -> bool| plans.iter().filter(|plan| what(plan)).count();
        assert_eq!(count(|plan| plan.workload == Workload::Promises), 100);
        assert!(count(|plan| plan.workload == Workload::Grind) > 30);
        assert!(count(|plan| plan.recovery == Recovery::Boot) > 30);
        assert!(count(|plan| matches!(plan.moment, Moment::Promise(_))) > 30);
        assert_eq!(Plan::new(7), Plan::new(7));
    }
}

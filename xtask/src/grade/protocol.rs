//! How a test tells its verdict: one line that only the test can have printed.
//!
//! The grader types a nonce with the name of a test. The line `@TEST VERDICT SYMPTOM HASH WORDS`
//! carries the hash of the nonce and the other fields, so what a kernel or a program of a student
//! prints is not taken for a verdict, and neither is a line into which another was printed.

use super::guest::Stopped;
use super::verdict::{Failure, Verdict};

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// What one test is asked with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Nonce(String);

/// A line that a test has said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// `ok`, `failed` or `note`.
    pub verdict: String,
    /// A word for what was seen, `-` if nothing is wrong.
    pub symptom: String,
    /// The rest.
    pub words: String,
}

impl Nonce {
    /// Returns a nonce that nobody has seen.
    pub fn new(seed: u64) -> Self {
        let mut hasher = std::hash::BuildHasher::build_hasher(&std::hash::RandomState::new());
        std::hash::Hasher::write_u64(&mut hasher, seed);
        Self(format!("{:016x}", std::hash::Hasher::finish(&hasher)))
    }

    /// Returns it as it is typed.
    pub fn digits(&self) -> &str {
        &self.0
    }

    fn hash(&self, about: &str, words: &str) -> u64 {
        let bytes = [&self.0, about, " ", words].map(str::as_bytes).concat();
        bytes.iter().fold(FNV_BASIS, |so_far, &byte| {
            (so_far ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
        })
    }

    /// Reads a line of the console, if the test asked with this nonce has printed it.
    fn read(&self, test: &str, line: &str) -> Option<Said> {
        let line = line.trim_end_matches('\r');
        let start = line.rfind('@')? + 1;
        let mut fields = line[start..].splitn(5, ' ');
        let mut field = || fields.next();
        let (name, verdict, symptom, hash) = (field()?, field()?, field()?, field()?);
        let words = field().unwrap_or_default();
        let hash = u64::from_str_radix(hash, 16).ok()?;
        let about = format!("{name} {verdict} {symptom}");
        (name == test && hash == self.hash(&about, words)).then(|| Said {
            verdict: verdict.to_owned(),
            symptom: symptom.to_owned(),
            words: words.to_owned(),
        })
    }

    /// Returns the lines that the test has said, in their order.
    fn said(&self, test: &str, printed: &str) -> Vec<Said> {
        let lines = printed.lines();
        lines.filter_map(|line| self.read(test, line)).collect()
    }

    /// Returns how a test went. What it said before the kernel stopped counts more than the stop,
    /// but for a panic.
    pub fn verdict(&self, test: &str, ended: Result<String, Stopped>) -> Verdict {
        match ended {
            Ok(printed) => self.judge(test, &printed),
            Err(Stopped::Hung(last) | Stopped::ShellDied(last)) if self.has_failed(test, &last) => {
                self.judge(test, &last)
            }
            Err(stopped) => stopped.verdict(),
        }
    }

    fn has_failed(&self, test: &str, printed: &str) -> bool {
        let said = self.said(test, printed);
        said.iter().any(|said| said.verdict == "failed")
    }

    /// Returns how a test went that has ended: the first thing that is wrong counts.
    fn judge(&self, test: &str, printed: &str) -> Verdict {
        let said = self.said(test, printed);
        if let Some(failed) = said.iter().find(|said| said.verdict == "failed") {
            return Verdict::Failed(Failure {
                symptom: failed.symptom.clone(),
                ..Failure::parse(&failed.words)
            });
        }
        if said.iter().any(|said| said.verdict == "ok") {
            return Verdict::Passed;
        }
        Verdict::Failed(Failure {
            symptom: "no-verdict".to_owned(),
            what: format!(
                "the test ended without a verdict; the console:\n{}",
                super::suite::tail(printed)
            ),
            expected: None,
            seen: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(nonce: &Nonce, about: &str, words: &str) -> String {
        format!("@{about} {:016x} {words}\r\n", nonce.hash(about, words))
    }

    #[test]
    fn a_verdict_is_read_wherever_its_line_is_whole() {
        let nonce = Nonce("17".to_owned());
        let good = line(&nonce, "three ok -", "");
        assert_eq!(nonce.judge("three", &good), Verdict::Passed);
        assert_eq!(
            nonce.judge("three", &format!("usertrap(): 15{good}")),
            Verdict::Passed
        );
        let bad = line(
            &nonce,
            "three failed parent-changed",
            "a page: expected 1, saw 2",
        );
        match nonce.judge("three", &format!("{good}{bad}{good}")) {
            Verdict::Failed(failure) => {
                assert_eq!(failure.symptom, "parent-changed");
                assert_eq!(failure.seen.as_deref(), Some("2"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_said_counts_more_than_a_hang() {
        let nonce = Nonce("17".to_owned());
        let bad = line(&nonce, "three failed parent-changed", "a page");
        let hung = |text: &str| nonce.verdict("three", Err(Stopped::Hung(text.to_owned())));
        assert!(matches!(hung(&bad), Verdict::Failed(_)));
        assert!(matches!(hung("nothing"), Verdict::Hung(_)));
        let gone = nonce.verdict("three", Err(Stopped::Gone(bad)));
        assert!(matches!(gone, Verdict::Panicked(_)));
    }

    #[test]
    fn nobody_else_can_say_a_verdict() {
        let nonce = Nonce("17".to_owned());
        let told = |text: &str| !nonce.said("three", text).is_empty();
        assert!(told(&line(&nonce, "three ok -", "")));
        assert!(
            !told(&line(&Nonce("18".to_owned()), "three ok -", "")),
            "of another run"
        );
        assert!(!told(&line(&nonce, "simple ok -", "")), "of another test");
        assert!(!told("@three ok - 0000000000000000 \n"));
        assert!(!told(
            "three: OK\nALL COW TESTS PASSED\n@three ok -\n@\n@ @ @ @ @\n"
        ));
        let garbled = line(&nonce, "three ok -", "").replace("ok", "okpid 3: killed");
        assert!(!told(&garbled));
    }
}

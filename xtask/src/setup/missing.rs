//! The error of a user who is not root and lacks packages that only root can install. It names the
//! one command that installs them.

use std::error::Error;
use std::fmt;

/// Packages that are missing, and why they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    packages: Vec<String>,
    reasons: Vec<String>,
    lists_are_empty: bool,
}

impl Missing {
    /// Returns the error for packages that are missing for one reason. If apt's lists are empty,
    /// the command updates them first.
    pub fn new(packages: &[&str], why: &str, lists_are_empty: bool) -> Self {
        Self {
            packages: packages.iter().map(|&package| package.to_owned()).collect(),
            reasons: vec![why.to_owned()],
            lists_are_empty,
        }
    }

    /// Returns both errors as one, so that one command installs everything.
    pub fn and(mut self, other: Self) -> Self {
        for package in other.packages {
            if !self.packages.contains(&package) {
                self.packages.push(package);
            }
        }
        self.reasons.extend(other.reasons);
        self.lists_are_empty |= other.lists_are_empty;
        self
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let update = if self.lists_are_empty {
            "sudo apt-get update && "
        } else {
            ""
        };
        write!(
            f,
            "{}. Run this, then try again:\n    {update}sudo apt-get install -y {}",
            self.reasons.join("; "),
            self.packages.join(" ")
        )
    }
}

impl Error for Missing {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_installs_everything() {
        let one = Missing::new(&["a", "b"], "booting needs a", false);
        assert_eq!(
            one.to_string(),
            "booting needs a. Run this, then try again:\n    sudo apt-get install -y a b"
        );
        let both = one.and(Missing::new(&["b", "c"], "testing needs c", true));
        assert_eq!(
            both.to_string(),
            "booting needs a; testing needs c. Run this, then try again:\n    \
             sudo apt-get update && sudo apt-get install -y a b c"
        );
    }
}

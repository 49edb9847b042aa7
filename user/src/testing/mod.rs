//! What the test programs share: suites of tests, children that report how their part went,
//! failures that say what was expected and seen, and how much memory there is.
//!
//! No heap anywhere, for tests move the break; and nothing but the calls of xv6 unless an item
//! says otherwise.

pub mod child;
pub mod counter;
pub mod measure;
pub mod outcome;
pub mod scratch;
pub mod suite;

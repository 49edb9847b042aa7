//! What the test programs share: suites of tests, children that report how their part went,
//! failures that say what was expected and seen, and measures of memory.
//!
//! Nothing here uses the heap, because tests move the break. Unless an item says otherwise, it
//! needs xv6's calls alone.

pub mod child;
pub mod counter;
pub mod measure;
pub mod outcome;
pub mod scratch;
pub mod suite;

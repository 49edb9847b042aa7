//! The only tool a person calls.
fn main() {}

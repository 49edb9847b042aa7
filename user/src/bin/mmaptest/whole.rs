//! The audit that runs after all other tests.

use crate::outcome::{Outcome, ensure};
use user::io::Lossy;
use user::memory::Audit;

/// The kernel recounts its memory and finds nothing wrong.
pub fn audit() -> Outcome {
    let audit = Audit::now()?;
    ensure!(audit.is_clean(), "{}", Lossy(audit.line()));
    Ok(())
}

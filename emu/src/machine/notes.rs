//! What one hart did that concerns the private caches of the others, brought to them.

use super::Machine;

impl Machine {
    /// Brings what other harts did to the private caches of each hart.
    pub(super) fn deliver(&mut self) {
        let mut notes = core::mem::take(&mut self.board.state.notes);
        let author = self.schedule.hart;
        for &page in &notes.former_tables {
            if !self.harts.iter().any(|hart| hart.tlb.reads_page(page)) {
                self.board.forget_table(page);
            }
        }
        for (index, hart) in self.harts.iter_mut().enumerate() {
            if index != author {
                for &(address, cause) in &notes.entries {
                    self.board.judge_entries(hart, address, cause);
                }
            }
            for &(offset, size, by) in &notes.code {
                if index != author || usize::from(by.hart) != author {
                    hart.code.stored(offset, size, self.board.keeps_code, by);
                }
            }
        }
        for &page in &notes.data {
            let mut all = true;
            for hart in &mut self.harts {
                all &= hart.code.forget_page(page);
                hart.fast.forget_code();
            }
            if all {
                self.board.forget_code(page);
            }
        }
        let translations = &mut self.board.state.sanitizer.translations;
        translations.sweep(&self.harts);
        notes.entries.clear();
        notes.code.clear();
        notes.data.clear();
        notes.former_tables.clear();
        self.board.state.notes = notes;
    }
}

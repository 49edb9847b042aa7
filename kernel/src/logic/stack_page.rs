//! The layout of arguments in the stack page of a new program.
//!
//! From the top down: the strings, the vector of pointers to them with a 0 behind the last, and the
//! free stack. The strings begin, and the stack ends, at multiples of 16 bytes (RISC-V psABI,
//! "Procedure Calling Convention").

const ALIGNMENT: usize = 16;
const POINTER: usize = size_of::<u64>();

/// Writes the arguments into `page`, which the program sees at `address`. Returns the address of
/// the vector, where the free stack ends, or `None` if the arguments do not fit. `strings` are
/// their bytes, NULs included; `starts` has the offset of each.
pub fn fill(page: &mut [u8], address: u64, strings: &[u8], starts: &[u16]) -> Option<u64> {
    let string_area = page
        .len()
        .checked_sub(strings.len().next_multiple_of(ALIGNMENT))?;
    let vector_size = ((starts.len() + 1) * POINTER).next_multiple_of(ALIGNMENT);
    let vector = string_area.checked_sub(vector_size)?;
    page[string_area..string_area + strings.len()].copy_from_slice(strings);
    let pointers = starts
        .iter()
        .map(|&start| address + (string_area + usize::from(start)) as u64);
    let words = page[vector..string_area].chunks_exact_mut(POINTER);
    for (word, pointer) in words.zip(pointers.chain([0])) {
        word.copy_from_slice(&pointer.to_le_bytes());
    }
    Some(address + vector as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: u64 = 0x5000;

    fn word(page: &[u8], address: u64) -> u64 {
        let at = (address - ADDRESS) as usize;
        u64::from_le_bytes(page[at..at + 8].try_into().unwrap())
    }

    fn string(page: &[u8], address: u64) -> &[u8] {
        let bytes = &page[(address - ADDRESS) as usize..];
        bytes.split(|&byte| byte == 0).next().unwrap()
    }

    #[test]
    fn a_program_finds_its_arguments() {
        let mut page = [0xaa; 4096];
        let vector = fill(&mut page, ADDRESS, b"cat\0a file\0\0", &[0, 4, 11]).unwrap();
        assert_eq!(vector % 16, 0);
        assert_eq!(string(&page, word(&page, vector)), b"cat");
        assert_eq!(string(&page, word(&page, vector + 8)), b"a file");
        assert_eq!(string(&page, word(&page, vector + 16)), b"");
        assert_eq!(word(&page, vector + 24), 0);
    }

    #[test]
    fn no_arguments_are_an_empty_vector() {
        let mut page = [0xaa; 4096];
        let vector = fill(&mut page, ADDRESS, b"", &[]).unwrap();
        assert_eq!(vector, ADDRESS + 4096 - 16);
        assert_eq!(word(&page, vector), 0);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut page = [0; 4096];
        let strings = [b'x'; 4096];
        // One argument: its vector takes 16 bytes.
        assert_eq!(
            fill(&mut page, ADDRESS, &strings[..4080], &[0]),
            Some(ADDRESS)
        );
        assert_eq!(fill(&mut page, ADDRESS, &strings[..4081], &[0]), None);
        assert_eq!(fill(&mut page, ADDRESS, &strings, &[0]), None);
    }
}

//! The output of `llvm-cov export --format=lcov`: `SF:` begins a file, and each `DA:` holds a
//! line's number and how often it was run (geninfo(1), "tracefile format").

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// For each file, its lines with code and how often each was run.
pub type Counted = BTreeMap<String, BTreeMap<usize, u64>>;

/// Reads the text. If a file occurs twice, its counts are added.
pub fn read(text: &str) -> Result<Counted> {
    let mut counted = Counted::new();
    let mut file = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = Some(counted.entry(path.to_owned()).or_default());
        } else if let Some(data) = line.strip_prefix("DA:") {
            let wrong = || format!("llvm-cov printed `{line}`, which is no count of a line");
            let file = file.as_mut().with_context(wrong)?;
            let mut fields = data.split(',').map(str::parse::<u64>);
            let (Some(Ok(number)), Some(Ok(times))) = (fields.next(), fields.next()) else {
                anyhow::bail!(wrong());
            };
            *file.entry(number as usize).or_default() += times;
        }
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_the_same_line_add_up() {
        let text = "SF:/a.rs\nFN:1,main\nDA:1,2\nDA:3,0\nLF:2\nend_of_record\n\
                    SF:/b.rs\nDA:1,0\nend_of_record\nSF:/a.rs\nDA:1,1,checksum\nend_of_record\n";
        let counted = read(text).expect("good text");
        assert_eq!(counted["/a.rs"], BTreeMap::from([(1, 3), (3, 0)]));
        assert_eq!(counted["/b.rs"], BTreeMap::from([(1, 0)]));
    }

    #[test]
    fn other_text_is_refused() {
        for bad in ["DA:1,2", "SF:/a.rs\nDA:1", "SF:/a.rs\nDA:x,1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

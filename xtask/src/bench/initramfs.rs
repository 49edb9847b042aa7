//! The first file system of a Linux kernel: an archive that the kernel unpacks into memory
//! (Documentation/driver-api/early-userspace/buffer-format.rst, the "newc" format of cpio).

/// The modes of a directory, of a character device, and of a regular file that may be executed.
const DIRECTORY: u32 = 0o040_755;
const DEVICE: u32 = 0o020_600;
const PROGRAM: u32 = 0o100_755;
/// The device number of the console.
const CONSOLE: (u32, u32) = (5, 1);
/// The name that ends an archive.
const END: &str = "TRAILER!!!";
/// The alignment of headers, names and contents.
const ALIGNMENT: usize = 4;

/// Returns an archive that holds a console and `program` as init.
pub fn with_init(program: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    add(&mut archive, "dev", DIRECTORY, (0, 0), &[]);
    add(&mut archive, "dev/console", DEVICE, CONSOLE, &[]);
    add(&mut archive, "init", PROGRAM, (0, 0), program);
    add(&mut archive, END, 0, (0, 0), &[]);
    archive
}

fn add(archive: &mut Vec<u8>, name: &str, mode: u32, device: (u32, u32), contents: &[u8]) {
    let number = archive.len() as u32;
    let (size, name_size) = (contents.len() as u32, name.len() as u32 + 1);
    // Number, mode, owner, group, links, time, size, device of the archive (major, minor), device
    // (major, minor), size of the name, checksum.
    let fields = [
        number, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0,
    ];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    align(archive);
    archive.extend_from_slice(contents);
    align(archive);
}

fn align(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(ALIGNMENT), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_one_after_the_other() {
        let archive = with_init(b"12345");
        let (mut at, mut names) = (0, Vec::new());
        while at < archive.len() {
            assert_eq!(&archive[at..at + 6], b"070701");
            let field = |index: usize| {
                let start = at + 6 + 8 * index;
                let digits = std::str::from_utf8(&archive[start..start + 8]).expect("digits");
                usize::from_str_radix(digits, 16).expect("a number")
            };
            let name = at + 110;
            let contents = (name + field(11)).next_multiple_of(4);
            let end = name + field(11) - 1;
            names.push(String::from_utf8_lossy(&archive[name..end]).into_owned());
            if field(6) != 0 {
                assert_eq!(&archive[contents..contents + field(6)], b"12345");
            }
            at = (contents + field(6)).next_multiple_of(4);
        }
        assert_eq!(names, ["dev", "dev/console", "init", END]);
    }
}

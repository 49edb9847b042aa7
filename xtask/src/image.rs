//! Disk images: Cowslip's, made anew for every run, and foreign ones, booted on a copy.
//!
//! Invariant: zero blocks are left out of the host's file, so a large disk takes only the space of
//! its contents. Neighbour: `fs` knows the format.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use ::fs::mkfs::ImageBuilder;
use ::fs::{FileSystem, InodeNo, MemoryDisk, fsck};
use abi::{BLOCK_SIZE, OpenFlags};

use crate::arch::Arch;
use crate::build::Guests;
use crate::c_program;
use crate::cli::WithFile;
use crate::setup::ensure_c_compiler;
use crate::workspace::Workspace;

/// The size of a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Geometry {
    /// The number of blocks of 1 KiB.
    pub blocks: u32,
    /// The number of files and directories that the disk can have.
    pub inodes: u32,
}

impl Geometry {
    /// 32 MiB: room for every program and for what a lesson writes.
    pub const DEFAULT: Self = Self {
        blocks: 32 * 1024,
        inodes: 2000,
    };
}

/// A file for the root directory of an image.
#[derive(Clone)]
pub struct Extra {
    /// The file's name.
    pub name: String,
    /// The file's contents.
    pub bytes: Vec<u8>,
}

impl Extra {
    /// Reads the files that `--with` names. Programs in C are compiled.
    pub fn read_all(workspace: &Workspace, arch: Arch, with: &[WithFile]) -> Result<Vec<Self>> {
        if with.iter().any(|file| c_program::is_source(&file.host)) {
            ensure_c_compiler(arch)?;
        }
        with.iter()
            .map(|file| {
                let bytes = if c_program::is_source(&file.host) {
                    c_program::compile(workspace, arch, &file.host)?
                } else {
                    read(&file.host)?
                };
                Ok(Self {
                    name: file.name.clone(),
                    bytes,
                })
            })
            .collect()
    }
}

/// The number of blocks that are cached while a foreign image is examined. The whole image is in
/// memory anyway.
const CACHE_BLOCKS: usize = 64;

/// Makes Cowslip's image: the programs, the README and the given files. A given file replaces a
/// file of its name, because the first exercise of a course is a program called `sleep`.
pub fn build(
    workspace: &Workspace,
    guests: &Guests,
    extras: &[Extra],
    geometry: Geometry,
) -> Result<Vec<u8>> {
    let mut image = ImageBuilder::new(geometry.blocks, geometry.inodes)?;
    let is_replaced = |name: &str| extras.iter().any(|file| file.name == name);
    for program in &guests.programs {
        let name = program
            .file_name()
            .and_then(|name| name.to_str())
            .with_context(|| format!("{} has no usable name", program.display()))?;
        if !is_replaced(name) {
            image.add_file(name, &read(program)?)?;
        }
    }
    if !is_replaced("README") {
        image.add_file("README", &read(&workspace.root().join("README.md"))?)?;
    }
    for file in extras {
        image.add_file(&file.name, &file.bytes)?;
    }
    Ok(image.finish()?)
}

/// Reads a foreign image and checks that it is a sound one.
pub fn load(path: &Path) -> Result<Vec<u8>> {
    let bytes = read(path)?;
    let disk = MemoryDisk::from_bytes(bytes.clone());
    if let Err(error) = FileSystem::mount(disk, CACHE_BLOCKS) {
        bail!("cannot use {} as a disk image: {error}", path.display());
    }
    Ok(bytes)
}

/// Adds files to a foreign image. A file replaces one of its name.
pub fn add_files(image: Vec<u8>, extras: &[Extra]) -> Result<Vec<u8>> {
    if extras.is_empty() {
        return Ok(image);
    }
    let mut disk = FileSystem::mount(MemoryDisk::from_bytes(image), CACHE_BLOCKS)?;
    for file in extras {
        let bytes = &file.bytes;
        let failed = || format!("cannot add {} to the image", file.name);
        let flags = OpenFlags::WRITE_ONLY
            .with(OpenFlags::CREATE)
            .with(OpenFlags::TRUNCATE);
        let inode = disk
            .open(InodeNo::ROOT, file.name.as_bytes(), flags)
            .with_context(failed)?;
        let mut written = 0;
        while written < bytes.len() {
            match disk
                .write_at(inode, written as u64, &bytes[written..])
                .with_context(failed)?
            {
                0 => bail!("{}: no room", failed()),
                count => written += count,
            }
        }
        disk.release(inode).with_context(failed)?;
    }
    Ok(disk.unmount()?.into_bytes())
}

/// Returns the faults of an image, one per line. Returns none if it is sound.
pub fn faults(path: &Path) -> Result<Vec<String>> {
    let mut disk = MemoryDisk::from_bytes(read(path)?);
    let findings = fsck::check(&mut disk);
    if fsck::is_sound(&findings) {
        return Ok(Vec::new());
    }
    Ok(findings.iter().map(ToString::to_string).collect())
}

/// Writes an image to a temporary file, leaving its zero blocks out.
pub fn write_temporary(workspace: &Workspace, image: &[u8]) -> Result<PathBuf> {
    const CHUNK: usize = 16 * BLOCK_SIZE;
    let path = workspace.temporary("fs.img");
    let failed = || format!("cannot write {}", path.display());
    let file = File::create(&path).with_context(failed)?;
    file.set_len(image.len() as u64).with_context(failed)?;
    for (number, chunk) in image.chunks(CHUNK).enumerate() {
        if chunk.iter().any(|&byte| byte != 0) {
            file.write_all_at(chunk, (number * CHUNK) as u64)
                .with_context(failed)?;
        }
    }
    Ok(path)
}

/// Writes an image back to a file of the user's.
pub fn write_over(path: &Path, image: &[u8]) -> Result<()> {
    File::options()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(image))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_file_takes_the_place_of_ours() {
        let workspace = Workspace::open().unwrap();
        let program = workspace.root().join("LICENSE-MIT");
        let guests = Guests {
            arch: Arch::Riscv64,
            compiler: String::new(),
            kernel: program.clone(),
            programs: vec![program],
        };
        let extra = Extra {
            name: "LICENSE-MIT".to_owned(),
            bytes: b"theirs".to_vec(),
        };
        let image = build(&workspace, &guests, &[extra], Geometry::DEFAULT).unwrap();
        let mut disk = FileSystem::mount(MemoryDisk::from_bytes(image), CACHE_BLOCKS).unwrap();
        let inode = disk
            .open(InodeNo::ROOT, b"LICENSE-MIT", OpenFlags::READ_ONLY)
            .unwrap();
        let mut bytes = [0; 16];
        let count = disk.read_at(inode, 0, &mut bytes).unwrap();
        assert_eq!(&bytes[..count], b"theirs");
    }
}

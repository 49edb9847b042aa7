//! Images that a fuzzer damages. `hostile` says what must hold for any bytes.

use std::ops::Range;

use fs::layout::Geometry;
use fuzz::Patch;

use crate::hostile::{image, use_image};

/// Returns the ranges of an image where a wrong number has most effect: superblock, the log's
/// header, inodes, bitmap, directories and indirect blocks.
fn regions(image: &[u8]) -> Vec<Range<usize>> {
    let block = image[1024..2048].try_into().unwrap();
    let geometry = Geometry::check(block, (image.len() / 1024) as u32).unwrap();
    let blocks = |first: u32, end: u32| first as usize * 1024..end as usize * 1024;
    vec![
        1024..1056,
        2048..2176,
        blocks(geometry.inode_start, geometry.inode_start + 1),
        blocks(geometry.inode_start, geometry.bitmap_start),
        blocks(geometry.bitmap_start, geometry.data_start),
        blocks(geometry.data_start, geometry.data_start + 40),
    ]
}

#[test]
fn fuzz_images() {
    let good = image();
    let regions = regions(&good);
    fuzz::check!()
        .with_type::<(Vec<Patch>, Option<u8>)>()
        .for_each(|(patches, cut)| {
            let mut image = good.clone();
            patches
                .iter()
                .for_each(|patch| patch.apply(&mut image, &regions));
            if let Some(blocks) = cut {
                image.truncate(usize::from(*blocks) * 1024);
            }
            use_image(image);
        });
}

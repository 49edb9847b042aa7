//! Tests of the file system through its public interface, on disks in memory.

mod corruption;
mod crash;
mod damage;
mod failing_disk;
mod fuzz;
mod hostile;
mod images;
mod large;
mod limits;
mod model;
mod operations;
mod paths;
mod random;
mod recording;
mod references;
mod shape;
mod support;
mod victim;

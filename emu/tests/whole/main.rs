//! The machine as a whole, on kernels of a few instructions.

mod going_back;
mod litmus;
mod paging;
mod saved;
mod sessions;
mod stuck;
mod tiny;

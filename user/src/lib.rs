//! The user library.
#![no_std]

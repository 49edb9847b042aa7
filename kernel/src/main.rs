//! The Cowslip kernel.
#![no_std]
#![no_main]

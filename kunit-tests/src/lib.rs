//! The vk crates' tests that must hold inside a kernel.

#![no_std]

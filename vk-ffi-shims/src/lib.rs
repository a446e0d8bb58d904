//! C shims between the vk crates and a running Linux kernel.

#![no_std]

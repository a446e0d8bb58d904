//! vkernel.ko: per-container memory policy.

#![no_std]

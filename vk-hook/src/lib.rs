//! Inline hooks for Linux kernel modules: a typed hook and its life.

#![no_std]

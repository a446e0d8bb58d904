//! Overcommit modes, commit limits and accounting.

#![no_std]

//! Transparent-huge-page policy as total functions.

#![no_std]

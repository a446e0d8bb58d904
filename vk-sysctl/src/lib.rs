//! Private kernel parameters: text and values.

#![no_std]

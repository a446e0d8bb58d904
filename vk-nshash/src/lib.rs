//! An RCU chained hash keyed by pid-namespace address, nodes owned by the caller.

#![no_std]

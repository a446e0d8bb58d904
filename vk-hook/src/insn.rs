//! Decodes the length of an instruction, and what a hook must know of it.
//!
//! 64-bit mode only. [`decode`] reads one instruction from the front of a slice and says how long
//! it is, where its parts are, whether it addresses memory by its own address, and where it goes.
//! It allocates nothing, does not panic, and looks at no byte behind the slice. It holds no state
//! and may be called from any context.
//!
//! # What it judges
//!
//! The length is the one that the processor would fetch. Opcodes are judged one by one, with
//! their mandatory prefix and, where a group shares an opcode, the group's `ModRM` byte. Operands
//! are not judged: a `LOCK` where none is allowed, a wrong vector length or a reserved register
//! decodes, although the processor raises #UD when it gets there.
//!
//! # Where processors disagree
//!
//! An operand-size prefix (`66`) before a near branch is ignored, as Intel's manual says (volume 1,
//! 6.3.7). AMD's processors take 16 bits of displacement instead: no compiler emits it.
//!
//! # Examples
//!
//! ```
//! use vk_hook::insn::{decode, DecodeError, Flow};
//!
//! // endbr64; nopl 0x0(%rax,%rax,1); jne .+0x17; mov 0x10(%rip),%rax; ret
//! let mut code: &[u8] = &[
//!     0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x75, 0x15, 0x48, 0x8b, 0x05, 0x10,
//!     0x00, 0x00, 0x00, 0xc3,
//! ];
//! let mut lengths = [0; 5];
//! let mut found = [false; 4];
//! for length in &mut lengths {
//!     let insn = decode(code)?;
//!     *length = insn.len();
//!     found[0] |= insn.is_endbr64();
//!     found[1] |= insn.is_ftrace_nop();
//!     found[2] |= insn.is_rip_relative();
//!     found[3] |= insn.flow() == Flow::Jcc;
//!     code = &code[insn.len()..];
//! }
//! assert_eq!(lengths, [4, 5, 2, 7, 1]);
//! assert_eq!(found, [true; 4]);
//!
//! assert_eq!(decode(&[0x48]), Err(DecodeError::Truncated));
//! # Ok::<(), DecodeError>(())
//! ```

mod attr;
mod branch;
mod error;
mod flow;
mod group;
mod instruction;
mod map;
mod modrm;
mod one_byte;
mod opcodes;
mod prefix;
mod shape;
mod two_byte;
mod vector;
mod walk;

pub use branch::{Branch, BranchKind};
pub use error::DecodeError;
pub use flow::Flow;
pub use instruction::{decode, Insn, MAX_LEN};
pub use map::{Encoding, Map};

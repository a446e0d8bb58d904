//! Linux's own decoder, as the program that `cargo xtask fuzz` compiles from the kernel's source.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use vk_hook::insn::{Insn, MAX_LEN};

use crate::kernel_differs;

/// Names the program; without it the kernel's decoder is not asked.
const PROGRAM: &str = "VK_KERNEL_INSN";

/// The program while it runs.
pub struct Kernel {
    questions: ChildStdin,
    answers: ChildStdout,
    _child: Child,
}

impl Kernel {
    /// Starts it, if it is named.
    pub fn start() -> Option<Self> {
        let mut program = Command::new(std::env::var_os(PROGRAM)?);
        let program = program.arg("at-once").stdin(Stdio::piped());
        let mut child = program.stdout(Stdio::piped()).spawn().expect(PROGRAM);
        Some(Self {
            questions: child.stdin.take().expect("a pipe"),
            answers: child.stdout.take().expect("a pipe"),
            _child: child,
        })
    }

    /// Asks it about the instruction at the front of `window`, which is `insn` to us.
    pub fn agrees(&mut self, window: &[u8; MAX_LEN], insn: &Insn<'_>) {
        let mut len = [0];
        self.questions.write_all(window).expect("it reads");
        self.answers.read_exact(&mut len).expect("it answers");
        let is_same = usize::from(len[0]) == insn.len();
        let is_explained = is_same || kernel_differs::explain(insn).is_some();
        assert!(is_explained, "{insn:?}: the kernel says {len:?}");
    }
}

//! Bytes of any length: what the decoder says agrees with other decoders, and with what it says of
//! more or fewer of them.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use vk_hook::insn::{decode, DecodeError, MAX_LEN};
use vk_hook_oracles::{Oracles, Outcome};

#[path = "../../tests/insn_iced/compare.rs"]
mod compare;
#[path = "../../tests/insn_iced/explain.rs"]
mod explain;
mod kernel;
#[path = "../../../xtask/src/insn/kernel_differs.rs"]
mod kernel_differs;
#[path = "../../tests/insn_iced/oracle.rs"]
mod oracle;

thread_local! {
    static FORMS: RefCell<explain::Forms> = RefCell::default();
    static ORACLES: RefCell<Oracles> = RefCell::default();
    static KERNEL: RefCell<Option<kernel::Kernel>> = RefCell::new(kernel::Kernel::start());
}

fuzz_target!(|bytes: &[u8]| {
    let answer = decode(bytes);
    if answer != Err(DecodeError::Truncated) {
        // What stands behind changes nothing.
        let more = [bytes, &[0x90; MAX_LEN]].concat();
        assert_eq!(
            decode(&more).map(|insn| insn.len()),
            answer.map(|insn| insn.len())
        );
        let outcome = FORMS.with_borrow_mut(|forms| compare::compare(&more, forms));
        assert!(outcome.is_ok(), "{answer:?}: {outcome:?}");
        let window: [u8; MAX_LEN] = more[..MAX_LEN].try_into().expect("as long as that");
        if let Ok(insn) = decode(&window) {
            KERNEL.with_borrow_mut(|kernel| {
                if let Some(kernel) = kernel {
                    kernel.agrees(&window, &insn);
                }
            });
        }
        for outcome in ORACLES.with_borrow_mut(|oracles| oracles.compare(&window)) {
            if let Outcome::Unexplained { kind, why } = outcome {
                panic!("{kind}: {why}");
            }
        }
    }
    if let Ok(insn) = answer {
        let shorter = &bytes[..insn.len() - 1];
        assert_eq!(decode(shorter), Err(DecodeError::Truncated));
    }
});

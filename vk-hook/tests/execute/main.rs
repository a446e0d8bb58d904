//! Runs functions before and after a plan was applied to them, and compares what they did.
//!
//! The processor executes them, in memory of this process. What is compared: all general
//! registers, flags, x87 and SSE registers, memory and stack, which way out was taken, and where
//! it faulted, by the plan's map. Once through the patch, and once through the trampoline alone.
//!
//! `VK_EXECUTE=FILE` adds the prologues of another ELF file, for example a vmlinux.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod compare;
mod cut;
mod image;
mod machine;
mod template;

use compare::Tally;
use fastrand::Rng;
use machine::Machine;

/// A test lends the machine to itself: there is one of it.
fn with_machine(run: impl FnOnce(&mut Machine, &mut Rng)) {
    let mut machine = Machine::lock();
    run(&mut machine, &mut Rng::with_seed(1));
}

#[test]
fn generated_functions_do_the_same_when_hooked() {
    with_machine(|machine, rng| {
        let mut tally = Tally::default();
        for _ in 0..6000 {
            let image = template::function(rng);
            tally.run(machine, rng, &image);
        }
        println!("generated: {tally}");
        assert!(tally.hooked() > 3000, "{tally}");
    });
}

#[test]
fn prologues_of_compilers_do_the_same_when_hooked() {
    with_machine(|machine, rng| {
        let mut all = Tally::default();
        for path in cut::files() {
            let mut tally = Tally::default();
            for code in cut::functions(&path, 6000) {
                if let Some(image) = cut::image(&code, rng) {
                    tally.run(machine, rng, &image);
                }
            }
            println!("{}: {tally}", path.display());
            all.add(&tally);
        }
        assert!(all.hooked() > 1000, "{all}");
    });
}

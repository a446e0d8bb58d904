//! Generated, random and mutated bytes.

use crate::compare::compare;
use crate::explain::Forms;
use fastrand::Rng;
use vk_hook::insn::{decode, DecodeError, MAX_LEN};

/// Random bytes.
fn code(rng: &mut Rng) -> [u8; MAX_LEN] {
    std::array::from_fn(|_| rng.u8(..))
}

fn run(code: &[u8], forms: &mut Forms) {
    if let Err(why) = compare(code, forms) {
        panic!("{code:02x?}: {:?}, {why}", decode(code));
    }
}

#[test]
fn agrees_on_random_bytes() {
    let mut rng = Rng::with_seed(1);
    let mut forms = Forms::default();
    for _ in 0..500_000 {
        run(&code(&mut rng), &mut forms);
    }
}

#[test]
fn agrees_behind_each_escape() {
    const ESCAPES: [&[u8]; 7] = [
        &[0x0f],
        &[0x0f, 0x38],
        &[0x0f, 0x3a],
        &[0xc5],
        &[0xc4],
        &[0x62],
        &[0x8f],
    ];
    let mut rng = Rng::with_seed(2);
    let mut forms = Forms::default();
    for escape in ESCAPES {
        for _ in 0..80_000 {
            let mut code = code(&mut rng);
            let prefixes = rng.usize(..3);
            for byte in &mut code[..prefixes] {
                *byte = [0x66, 0xf2, 0xf3, 0x48, 0x2e, 0x67][rng.usize(..6)];
            }
            code[prefixes..prefixes + escape.len()].copy_from_slice(escape);
            run(&code, &mut forms);
        }
    }
}

#[test]
fn agrees_on_mutated_instructions() {
    // What compilers emit, one of each kind.
    const SEEDS: [&[u8]; 8] = [
        &[0x48, 0x8b, 0x84, 0x24, 0x10, 0x00, 0x00, 0x00],
        &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        &[0xc7, 0x05, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00],
        &[0xf2, 0x0f, 0x10, 0x05, 0x00, 0x00, 0x00, 0x00],
        &[0x66, 0x0f, 0x3a, 0x0f, 0xc1, 0x08],
        &[0xc4, 0xe2, 0x7d, 0x58, 0x05, 0x00, 0x00, 0x00, 0x00],
        &[0x62, 0xf1, 0x7c, 0x48, 0x28, 0x44, 0x24, 0x01],
        &[0xf0, 0x48, 0x0f, 0xb1, 0x0d, 0x00, 0x00, 0x00, 0x00],
    ];
    let mut rng = Rng::with_seed(3);
    let mut forms = Forms::default();
    for _ in 0..400_000 {
        let mut code = [0; MAX_LEN];
        let seed = SEEDS[rng.usize(..SEEDS.len())];
        code[..seed.len()].copy_from_slice(seed);
        for _ in 0..1 + rng.usize(..3) {
            let at = rng.usize(..seed.len());
            code[at] ^= 1 << rng.usize(..8);
        }
        run(&code, &mut forms);
    }
}

/// A shorter slice gives the same answer, or says that it is too short; and what it does not show
/// changes nothing.
#[test]
fn judges_by_the_slice_alone() {
    let mut rng = Rng::with_seed(4);
    for _ in 0..100_000 {
        let code = code(&mut rng);
        let whole = decode(&code);
        let need = match whole {
            Ok(insn) => insn.len(),
            Err(DecodeError::Invalid { at } | DecodeError::Unknown { at }) => at + 1,
            Err(_) => MAX_LEN,
        };
        for end in 0..=MAX_LEN {
            let answer = decode(&code[..end]);
            let wanted = if end < need {
                Err(DecodeError::Truncated)
            } else {
                whole
            };
            assert_eq!(answer, wanted, "{code:02x?}, {end} bytes of it");
        }
    }
}

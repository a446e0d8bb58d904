//! Plans for random functions, compared with those made the slow way.

use crate::kernel::{Kernel, FUNCTION, TRAMPOLINE};
use crate::naive;
use fastrand::Rng;
use iced_x86::{Decoder, DecoderOptions, FlowControl};
use vk_hook::insn::{self, Flow};
use vk_hook::plan::{Offset, Plan};

/// So many random bytes.
fn bytes<const N: usize>(rng: &mut Rng) -> [u8; N] {
    std::array::from_fn(|_| rng.u8(..))
}

/// A random instruction that both decoders know; branches and operands stay near.
fn instruction(rng: &mut Rng) -> Vec<u8> {
    loop {
        let mut bytes: [u8; 16] = bytes(rng);
        match rng.usize(..8) {
            0 => bytes[0] = 0x70 | bytes[0] & 15,
            1 => bytes[0] = [0xe3, 0xeb, 0xe2, 0xe9, 0xe8][rng.usize(..5)],
            2 => bytes[..2].copy_from_slice(&[0x0f, 0x80 | rng.usize(..16) as u8]),
            3 => bytes[..2].copy_from_slice(&[[0x8b, 0x8d, 0x81, 0xc7][rng.usize(..4)], 5]),
            4 => bytes[0] = [0xcc, 0xc3, 0x90, 0xff][rng.usize(..4)],
            _ => {}
        }
        let Ok(insn) = insn::decode(&bytes) else {
            continue;
        };
        let known = Decoder::new(64, insn.bytes(), DecoderOptions::NONE).decode();
        let is_near = insn.branch().is_some() || insn.is_rip_relative();
        let has_size = insn.has_operand_size() && insn.branch().is_some();
        let is_strange = known.is_invalid()
            || has_size
            || insn.flow() == Flow::JumpAbsolute
            || known.flow_control() == FlowControl::XbeginXabortXend;
        if is_strange {
            continue;
        }
        let at = insn.disp_at().or(insn.imm_at());
        let mut bytes = insn.bytes().to_vec();
        if let (true, Some(at)) = (is_near, at) {
            let rel = (rng.usize(..96) as i8 - 60) as i32;
            let len = if insn.disp_len() != 0 {
                4
            } else {
                insn.imm_len()
            };
            bytes[at..at + len].copy_from_slice(&rel.to_le_bytes()[..len]);
        }
        return bytes;
    }
}

#[test]
fn agrees_with_the_slow_way_on_random_functions() {
    let mut rng = Rng::with_seed(1);
    let (mut hooked, mut refused) = (0, 0);
    for _ in 0..60_000 {
        let count = 2 + rng.usize(..10);
        let code: Vec<u8> = (0..count).flat_map(|_| instruction(&mut rng)).collect();
        let all = naive::decode(&code, FUNCTION).expect("instructions");
        let plan = Plan::new(&code, FUNCTION, &Kernel::default());
        let slow = naive::displaced(&all);
        assert_eq!(plan.is_ok(), slow.is_some(), "{code:02x?}: {plan:?}");
        let (Ok(plan), Some(count)) = (plan, slow) else {
            refused += 1;
            continue;
        };
        hooked += 1;
        let len = plan.displaced().bytes().len();
        assert_eq!(all[count - 1].next_ip(), FUNCTION.at(Offset(len)).0);
        let address = TRAMPOLINE.at(Offset(rng.usize(..0x10_0000)));
        let trampoline = plan.trampoline(address).expect("a trampoline");
        naive::check(&plan, &all[..count], FUNCTION, &trampoline);
    }
    println!("{hooked} hooked, {refused} refused");
    assert!(hooked > 5_000 && refused > 5_000, "{hooked}, {refused}");
}

#[test]
fn any_bytes_give_a_plan_or_a_refusal() {
    let mut rng = Rng::with_seed(2);
    for _ in 0..200_000 {
        let mut code = bytes::<48>(&mut rng).to_vec();
        code.truncate(rng.usize(..49));
        let Ok(plan) = Plan::new(&code, FUNCTION, &Kernel::default()) else {
            continue;
        };
        // Operands may be out of reach.
        let _ = plan.trampoline(TRAMPOLINE);
        assert!(plan.patch(TRAMPOLINE).is_ok());
    }
}

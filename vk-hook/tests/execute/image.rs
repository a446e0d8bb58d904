//! A function to be executed, before it has an address.

use crate::machine::Machine;
use vk_hook::insn::{decode, Flow};

/// Exits of a function: each writes its number and leaves.
pub(crate) const EXITS: usize = 3;
const EXIT_LEN: usize = 16;

/// An instruction of a function.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    bytes: Vec<u8>,
    /// Where it branches to, if it does: the number of a step, or of an exit behind them.
    target: Option<usize>,
    /// Where its operand is in the machine's data, if that is relative to RIP.
    operand: usize,
}

/// A function: a head that is left alone, steps, and exits.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    head: Vec<u8>,
    steps: Vec<Step>,
}

impl Step {
    pub(crate) fn new(bytes: &[u8], target: Option<usize>, operand: usize) -> Self {
        let bytes = bytes.to_vec();
        Self {
            bytes,
            target,
            operand,
        }
    }
}

impl Image {
    pub(crate) fn new(head: &[u8], steps: Vec<Step>) -> Self {
        let head = head.to_vec();
        Self { head, steps }
    }

    /// The bytes of the function at `address`; `None` if a branch of 8 bits does not reach.
    pub(crate) fn link(&self, machine: &Machine, address: u64) -> Option<Vec<u8>> {
        let places = self.places();
        let mut code = self.head.clone();
        for step in &self.steps {
            let next = code.len() + step.bytes.len();
            code.extend(step.link(machine, address, next, &places)?);
        }
        for number in 0..EXITS {
            let at = address + code.len() as u64;
            code.extend(exit(machine, at, number as u32));
        }
        Some(code)
    }

    /// The offsets of steps and exits.
    fn places(&self) -> Vec<usize> {
        let mut at = self.head.len();
        let mut places = Vec::new();
        for step in &self.steps {
            places.push(at);
            at += step.bytes.len();
        }
        places.extend((0..EXITS).map(|number| at + EXIT_LEN * number));
        places
    }
}

impl Step {
    fn link(
        &self,
        machine: &Machine,
        address: u64,
        next: usize,
        places: &[usize],
    ) -> Option<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        let insn = decode(&self.bytes).expect("an instruction");
        if let (Some(target), Some(at)) = (self.target, insn.imm_at()) {
            let rel = places[target] as i64 - next as i64;
            match insn.imm_len() {
                1 => bytes[at] = i8::try_from(rel).ok()? as u8,
                _ => bytes[at..at + 4].copy_from_slice(&(rel as i32).to_le_bytes()),
            }
        }
        if let (true, Some(at)) = (insn.is_rip_relative(), insn.disp_at()) {
            let operand = match insn.flow() {
                Flow::IndirectJump => machine.land(),
                _ => machine.data() + self.operand as u64,
            };
            let disp = distance(address + next as u64, operand);
            bytes[at..at + 4].copy_from_slice(&disp);
        }
        Some(bytes)
    }
}

/// `movl $number,exit(%rip); jmp *land(%rip)`
fn exit(machine: &Machine, at: u64, number: u32) -> Vec<u8> {
    let mut bytes = store(at, machine.exit(), number);
    bytes.extend([0xff, 0x25]);
    bytes.extend(distance(at + EXIT_LEN as u64, machine.land()));
    bytes
}

/// `movl $number,address(%rip)`: ten bytes that change no register and no flag.
pub(crate) fn store(at: u64, address: u64, number: u32) -> Vec<u8> {
    let mut bytes = vec![0xc7, 0x05];
    bytes.extend(distance(at + 10, address));
    bytes.extend(number.to_le_bytes());
    bytes
}

pub(crate) fn distance(next: u64, target: u64) -> [u8; 4] {
    let rel = target.wrapping_sub(next) as i64;
    i32::try_from(rel).expect("a near target").to_le_bytes()
}

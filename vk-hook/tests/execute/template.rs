//! Functions out of templates: what prologues are made of, in any order.

use crate::image::{Image, Step, EXITS};
use crate::machine::DATA_LEN;
use fastrand::Rng;
use vk_hook::insn::decode;

const ENDBR: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
const NOP: &[u8] = &[0x0f, 0x1f, 0x44, 0x00, 0x00];

/// Instructions that go on to the next, as bytes; operands relative to RIP are filled in.
const PLAIN: &[&[u8]] = &[
    &[0x55],                                                       // push %rbp
    &[0x53],                                                       // push %rbx
    &[0x41, 0x57],                                                 // push %r15
    &[0x5b],                                                       // pop %rbx
    &[0x9c],                                                       // pushf
    &[0x9f],                                                       // lahf
    &[0xf5],                                                       // cmc
    &[0x48, 0x89, 0xe5],                                           // mov %rsp,%rbp
    &[0x89, 0xf8],                                                 // mov %edi,%eax
    &[0x31, 0xc0],                                                 // xor %eax,%eax
    &[0x31, 0xc9],                                                 // xor %ecx,%ecx
    &[0x48, 0x83, 0xec, 0x20],                                     // sub $0x20,%rsp
    &[0x48, 0x81, 0xec, 0x80, 0x00, 0x00, 0x00],                   // sub $0x80,%rsp
    &[0x48, 0x85, 0xff],                                           // test %rdi,%rdi
    &[0x81, 0xfe, 0xc3, 0x00, 0x00, 0x00],                         // cmp $0xc3,%esi
    &[0x48, 0x89, 0x5c, 0x24, 0x08],                               // mov %rbx,8(%rsp)
    &[0x48, 0x8d, 0x6f, 0xe8],                                     // lea -0x18(%rdi),%rbp
    &[0x8b, 0x07],                                                 // mov (%rdi),%eax
    &[0x48, 0xff, 0x06],                                           // incq (%rsi)
    &[0x48, 0x63, 0xd2],                                           // movslq %edx,%rdx
    &[0xb8, 0xea, 0xff, 0xff, 0xff],                               // mov $-22,%eax
    &[0x48, 0xb8, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01], // movabs
    &[0x48, 0x19, 0xc0],                                           // sbb %rax,%rax
    &[0x10, 0xc8],                                                 // adc %cl,%al
    &[0x0f, 0x92, 0xc0],                                           // setb %al
    &[0x48, 0x0f, 0x4f, 0xc2],                                     // cmovg %rdx,%rax
    &[0x48, 0xd3, 0xe8],                                           // shr %cl,%rax
    &[0x0f, 0x57, 0xc9],                                           // xorps %xmm1,%xmm1
    &[0xc5, 0xf1, 0xef, 0xc2],                                     // vpxor %xmm2,%xmm1,%xmm0
    &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00], // nopw
    &[0x48, 0x8b, 0x05, 0, 0, 0, 0],                               // mov x(%rip),%rax
    &[0x8b, 0x0d, 0, 0, 0, 0],                                     // mov x(%rip),%ecx
    &[0x48, 0x8d, 0x1d, 0, 0, 0, 0],                               // lea x(%rip),%rbx
    &[0x67, 0x8d, 0x05, 0, 0, 0, 0],                               // lea x(%eip),%eax
    &[0x48, 0x01, 0x3d, 0, 0, 0, 0],                               // add %rdi,x(%rip)
    &[0x83, 0x3d, 0, 0, 0, 0, 0x07],                               // cmpl $7,x(%rip)
    &[0xf6, 0x05, 0, 0, 0, 0, 0x04],                               // testb $4,x(%rip)
    &[0x81, 0x05, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12],             // addl $0x12345678,x(%rip)
    &[0x66, 0xc7, 0x05, 0, 0, 0, 0, 0x34, 0x12],                   // movw $0x1234,x(%rip)
    &[0xf0, 0x48, 0x83, 0x05, 0, 0, 0, 0, 0x01],                   // lock addq $1,x(%rip)
    &[0xf0, 0x0f, 0xb1, 0x0d, 0, 0, 0, 0],                         // lock cmpxchg %ecx,x(%rip)
    &[0xf3, 0x0f, 0x58, 0x05, 0, 0, 0, 0],                         // addss x(%rip),%xmm0
    &[0xc5, 0xf9, 0x70, 0x0d, 0, 0, 0, 0, 0x1b],                   // vpshufd $0x1b,x(%rip),%xmm1
    &[0x66, 0x0f, 0x3a, 0x0f, 0x05, 0, 0, 0, 0, 0x03],             // palignr $3,x(%rip),%xmm0
    &[0xff, 0x35, 0, 0, 0, 0],                                     // push x(%rip)
];

/// Branches; their targets are filled in.
const BRANCHES: &[&[u8]] = &[
    &[0x75, 0],
    &[0x74, 0],
    &[0x7c, 0],
    &[0x72, 0],
    &[0x77, 0],
    &[0x7a, 0],
    &[0x70, 0],
    &[0x3e, 0x75, 0],
    &[0xe3, 0],
    &[0x67, 0xe3, 0],
    &[0xeb, 0],
    &[0x0f, 0x84, 0, 0, 0, 0],
    &[0x0f, 0x8d, 0, 0, 0, 0],
    &[0xe9, 0, 0, 0, 0],
];

/// Loops that end: push $3, pop %rcx, loop to itself; mov $3,%cl, dec %cl, jne to the dec.
const LOOPS: &[&[(&[u8], Option<usize>)]] = &[
    &[
        (&[0x6a, 0x03], None),
        (&[0x59], None),
        (&[0xe2, 0], Some(2)),
    ],
    &[
        (&[0xb1, 0x03], None),
        (&[0xfe, 0xc9], None),
        (&[0x75, 0], Some(1)),
    ],
];

/// Makes a function with any head, some steps and, seldom, a tail jump through memory.
pub(crate) fn function(rng: &mut Rng) -> Image {
    let heads = [vec![], ENDBR.to_vec(), NOP.to_vec(), [ENDBR, NOP].concat()];
    let head = &heads[rng.usize(..heads.len())];
    let mut steps = Vec::new();
    if rng.u8(..8) == 0 {
        for (bytes, target) in LOOPS[rng.usize(..LOOPS.len())] {
            steps.push(Step::new(bytes, *target, 0));
        }
    }
    let len = steps.len() + 3 + rng.usize(..5);
    while steps.len() < len {
        steps.push(step(rng, steps.len(), len));
    }
    Image::new(head, steps)
}

/// Makes step number `at` of `len`.
fn step(rng: &mut Rng, at: usize, len: usize) -> Step {
    if rng.u8(..3) == 0 {
        return Step::new(
            BRANCHES[rng.usize(..BRANCHES.len())],
            Some(forward(rng, at, len)),
            0,
        );
    }
    if rng.u8(..24) == 0 {
        return Step::new(&[0xff, 0x25, 0, 0, 0, 0], None, 0);
    }
    let bytes = PLAIN[rng.usize(..PLAIN.len())];
    assert_eq!(decode(bytes).map(|insn| insn.len()), Ok(bytes.len()));
    Step::new(bytes, None, 16 * rng.usize(..DATA_LEN / 16))
}

/// The number of a later step, or of an exit.
fn forward(rng: &mut Rng, at: usize, len: usize) -> usize {
    at + 1 + rng.usize(..len + EXITS - at - 1)
}

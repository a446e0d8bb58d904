//! iced-x86, asked as we ask ourselves.

use iced_x86::{
    Code, ConstantOffsets, Decoder, DecoderOptions, EncodingKind, FlowControl, Instruction,
    OpCodeOperandKind, OpKind,
};
use vk_hook::insn::{Flow, Insn};

/// What iced says of the instruction at the front of `code`.
pub(crate) fn iced(code: &[u8]) -> Option<(Instruction, ConstantOffsets)> {
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let instruction = decoder.decode();
    let offsets = decoder.get_constant_offsets(&instruction);
    (instruction.code() != Code::INVALID).then_some((instruction, offsets))
}

/// Whether iced knows an instruction at the front of `code`.
pub(crate) fn is_known(code: &[u8]) -> bool {
    iced(code).is_some()
}

/// Where the parts are that both know: displacement and immediates, RIP-relative, branch target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    disp: Option<(usize, usize)>,
    imm: Option<(usize, usize)>,
    is_rip_relative: bool,
    target: Option<u64>,
}

impl Parts {
    pub(crate) fn ours(insn: &Insn<'_>) -> Self {
        let target = insn.branch().map(|branch| branch.target(insn.len() as u64));
        Self {
            disp: insn.disp_at().map(|at| (at, insn.disp_len())),
            imm: insn.imm_at().map(|at| (at, insn.imm_len())),
            is_rip_relative: insn.is_rip_relative(),
            target,
        }
    }

    pub(crate) fn iced(instruction: &Instruction, offsets: &ConstantOffsets) -> Self {
        let part = |at: usize, len: usize| (len != 0).then_some((at, len));
        let disp = part(offsets.displacement_offset(), offsets.displacement_size());
        let imm_len = offsets.immediate_size() + offsets.immediate_size2();
        let imm = part(offsets.immediate_offset(), imm_len);
        let imm = imm.or_else(|| hidden_imm(instruction));
        let has_no_modrm = is_moffs(instruction);
        Self {
            // The address of such a mov is a displacement for iced, and an immediate for us.
            disp: if has_no_modrm { None } else { disp },
            imm: if has_no_modrm { disp } else { imm },
            is_rip_relative: instruction.is_ip_rel_memory_operand(),
            target: target(instruction),
        }
    }
}

/// A byte that names a register, or 3DNow!'s second opcode: no immediate for iced, one for us.
fn hidden_imm(instruction: &Instruction) -> Option<(usize, usize)> {
    let code = instruction.op_code();
    let has_register = code.op_kinds().iter().any(is_in_immediate);
    let is_hidden = has_register || code.encoding() == EncodingKind::D3NOW;
    is_hidden.then(|| (instruction.len() - 1, 1))
}

fn is_in_immediate(kind: &OpCodeOperandKind) -> bool {
    use OpCodeOperandKind::{xmm_is4, xmm_is5, ymm_is4, ymm_is5};
    matches!(kind, xmm_is4 | xmm_is5 | ymm_is4 | ymm_is5)
}

fn is_moffs(instruction: &Instruction) -> bool {
    use Code::{
        Mov_AL_moffs8, Mov_AX_moffs16, Mov_EAX_moffs32, Mov_RAX_moffs64, Mov_moffs16_AX,
        Mov_moffs32_EAX, Mov_moffs64_RAX, Mov_moffs8_AL,
    };
    matches!(
        instruction.code(),
        Mov_AL_moffs8
            | Mov_AX_moffs16
            | Mov_EAX_moffs32
            | Mov_RAX_moffs64
            | Mov_moffs8_AL
            | Mov_moffs16_AX
            | Mov_moffs32_EAX
            | Mov_moffs64_RAX
    )
}

fn target(instruction: &Instruction) -> Option<u64> {
    let is_near = matches!(
        instruction.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    );
    is_near.then(|| instruction.near_branch_target())
}

/// Whether iced's word for where an instruction goes is one for ours.
pub(crate) fn is_same_flow(ours: Flow, instruction: &Instruction) -> bool {
    match (ours, instruction.flow_control()) {
        (Flow::Next, FlowControl::Next) => true,
        // iced calls a guest, an enclave or the firmware; for the caller the next instruction
        // follows.
        (Flow::Next, FlowControl::Call) => target(instruction).is_none(),
        // seamret leaves the firmware for good; skinit enters the loader.
        (Flow::Return, FlowControl::Call) => instruction.code() == Code::Seamret,
        (Flow::IndirectJump, FlowControl::Return) => instruction.code() == Code::Skinit,
        // xabort, xend.
        (Flow::Next, FlowControl::XbeginXabortXend) => true,
        (Flow::Call, FlowControl::Call) => true,
        (Flow::Jump, FlowControl::UnconditionalBranch) => true,
        (Flow::Jcc | Flow::Loop, FlowControl::ConditionalBranch) => true,
        (Flow::Xbegin, FlowControl::XbeginXabortXend) => true,
        (Flow::IndirectCall, FlowControl::IndirectCall) => true,
        (Flow::IndirectJump, FlowControl::IndirectBranch) => true,
        (Flow::Return, FlowControl::Return) => true,
        // syscall and sysenter are calls for iced.
        (Flow::Trap, FlowControl::Interrupt | FlowControl::Exception | FlowControl::Call) => true,
        _ => false,
    }
}

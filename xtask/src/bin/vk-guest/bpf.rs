//! BPF programs on kernel functions and on kernel parameters, by the system call alone: the smallest
//! programs there are.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use anyhow::{Context, Result};

use crate::btf::{self, FunctionId};

/// Commands: `enum bpf_cmd` in include/uapi/linux/bpf.h.
const PROG_LOAD: i32 = 5;
const OBJ_GET_INFO_BY_FD: i32 = 15;
const RAW_TRACEPOINT_OPEN: i32 = 17;
const BTF_GET_FD_BY_ID: i32 = 19;
const BTF_GET_NEXT_ID: i32 = 23;
const LINK_CREATE: i32 = 28;

/// `BPF_PROG_TYPE_TRACING`.
const TRACING: u32 = 26;

/// `BPF_PROG_TYPE_CGROUP_SYSCTL`, and `BPF_CGROUP_SYSCTL`, where such a program is put.
const CGROUP_SYSCTL: u32 = 23;
const AT_CGROUP_SYSCTL: u32 = 18;

/// `bpf_sysctl_get_current_value()`, `bpf_sysctl_set_new_value()`.
const GET_CURRENT_VALUE: i32 = 102;
const SET_NEW_VALUE: i32 = 104;

/// Counts the runs of each program while it is 1.
const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Where a program is put: `enum bpf_attach_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On entry.
    Fentry = 24,
    /// On return.
    Fexit = 25,
    /// On entry, and a result other than 0 takes the function's place.
    FmodRet = 26,
}

/// What a program says to each read and write of a kernel parameter by a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// No.
    Refuses,
    /// Yes, but these four bytes are written.
    Writes([u8; 4]),
    /// Yes, if the present value begins with this.
    AllowsIf(u8),
}

/// A program on a function; it is taken off when it is let go.
#[derive(Debug)]
pub(crate) struct Program {
    program: OwnedFd,
    _link: OwnedFd,
}

/// Lets the kernel count the runs of all programs, or not: that costs them time.
///
/// # Errors
///
/// The kernel does not count.
pub(crate) fn counts_runs(yes: bool) -> Result<()> {
    fs::write(STATS, if yes { "1" } else { "0" }).context(STATS)
}

impl Program {
    /// Puts a program that answers `result` on `function` of the kernel, or of `module`.
    ///
    /// # Errors
    ///
    /// The inner error is the kernel's refusal to attach; the outer one is any other.
    pub(crate) fn attach(
        place: Place,
        function: &str,
        module: Option<&str>,
        result: i32,
    ) -> Result<io::Result<Self>> {
        let program = load(place, &btf::function(function, module)?, module, result)?;
        let attributes = RawTracepoint {
            name: 0,
            program: program.as_raw_fd() as u32,
            reserved: 0,
            cookie: 0,
        };
        let link = bpf(RAW_TRACEPOINT_OPEN, attributes);
        Ok(link.map(|(link, _)| Self {
            program,
            _link: owned(link),
        }))
    }

    /// Returns how often it ran while that was counted.
    ///
    /// # Errors
    ///
    /// The kernel does not tell.
    pub(crate) fn runs(&self) -> Result<u64> {
        let path = format!("/proc/self/fdinfo/{}", self.program.as_raw_fd());
        let text = fs::read_to_string(path)?;
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix("run_cnt:"));
        Ok(count.context("no run_cnt")?.trim().parse()?)
    }
}

/// Loads a program for `function` without putting it there; the kernel's verifier may refuse.
///
/// # Errors
///
/// The verifier's refusal, among others.
pub(crate) fn load(
    place: Place,
    function: &FunctionId,
    module: Option<&str>,
    result: i32,
) -> Result<OwnedFd> {
    // r0 = result; exit
    let code = [insn(0xb7, result), EXIT];
    let btf = module.map(module_btf).transpose()?;
    let attributes = ProgLoad {
        kind: TRACING,
        expected_attach_type: place as u32,
        attach_btf_id: function.0,
        attach_btf_obj_fd: btf.as_ref().map_or(0, |fd| fd.as_raw_fd() as u32),
        ..ProgLoad::default()
    };
    load_code(&code, attributes)
}

/// Has each read and write of a kernel parameter by the cgroup of this directory guarded, until what
/// is returned is let go.
///
/// # Errors
///
/// The verifier's refusal, among others.
pub(crate) fn guards_sysctls(cgroup: impl AsFd, guard: Guard) -> Result<OwnedFd> {
    let attributes = ProgLoad {
        kind: CGROUP_SYSCTL,
        expected_attach_type: AT_CGROUP_SYSCTL,
        ..ProgLoad::default()
    };
    let program = load_code(&guard.code(), attributes)?;
    let attributes = LinkCreate {
        program: program.as_raw_fd() as u32,
        target: cgroup.as_fd().as_raw_fd() as u32,
        attach_type: AT_CGROUP_SYSCTL,
        flags: 0,
    };
    let (link, _) = bpf(LINK_CREATE, attributes).context("a program is not put on a cgroup")?;
    Ok(owned(link))
}

impl Guard {
    /// r1 is the context at first, whose first word says whether it is a write.
    fn code(self) -> Vec<u64> {
        // r2 = r10 - 16, the memory that the helpers are given.
        let memory = [insn_of(0xbf, 2, 10, 0, 0), insn_of(0x07, 2, 0, 0, -16)];
        let yes_or_no = |is_allowed| [insn(0xb7, is_allowed), EXIT];
        let mut code = Vec::new();
        match self {
            Self::Refuses => code.extend(yes_or_no(0)),
            Self::Writes(value) => {
                let value = i32::from_le_bytes(value);
                code.push(insn_of(0x61, 2, 1, 0, 0)); // r2 = is it a write
                code.push(insn_of(0x15, 2, 0, 5, 0)); // if not, five further on
                code.push(insn_of(0x62, 10, 0, -16, value));
                code.extend(memory);
                code.push(insn_of(0xb7, 3, 0, 0, 4)); // r3 = its length
                code.push(insn(0x85, SET_NEW_VALUE));
                code.extend(yes_or_no(1));
            }
            Self::AllowsIf(first) => {
                code.extend(memory);
                code.push(insn_of(0xb7, 3, 0, 0, 16));
                code.push(insn(0x85, GET_CURRENT_VALUE));
                code.push(insn_of(0x71, 1, 10, -16, 0)); // r1 = its first byte
                code.push(insn_of(0x15, 1, 0, 2, first.into())); // if it is that, two further on
                code.extend(yes_or_no(0));
                code.extend(yes_or_no(1));
            }
        }
        code
    }
}

fn load_code(code: &[u64], attributes: ProgLoad) -> Result<OwnedFd> {
    let license = c"GPL";
    let mut log = vec![0_u8; 4096];
    let attributes = ProgLoad {
        insn_cnt: code.len() as u32,
        insns: code.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 1,
        log_size: log.len() as u32,
        log_buf: log.as_mut_ptr() as u64,
        ..attributes
    };
    let loaded = bpf(PROG_LOAD, attributes);
    let (fd, _) = loaded.with_context(|| {
        let text = String::from_utf8_lossy(&log);
        text.trim_end_matches('\0').trim().to_owned()
    })?;
    Ok(owned(fd))
}

const EXIT: u64 = 0x95;

/// Encodes an instruction whose operand is `immediate`, and whose register is r0.
fn insn(opcode: u8, immediate: i32) -> u64 {
    insn_of(opcode, 0, 0, 0, immediate)
}

/// Encodes an instruction: its registers, the distance of an address or a jump, its operand.
fn insn_of(opcode: u8, to: u8, from: u8, distance: i16, immediate: i32) -> u64 {
    let registers = to | from << 4;
    u64::from(opcode)
        | u64::from(registers) << 8
        | u64::from(distance as u16) << 16
        | u64::from(immediate as u32) << 32
}

/// Finds the types of a module among all that the kernel has.
fn module_btf(module: &str) -> Result<OwnedFd> {
    let mut id = 0;
    loop {
        let next = NextId {
            start: id,
            next: 0,
            flags: 0,
        };
        let (_, next) = bpf(BTF_GET_NEXT_ID, next)
            .with_context(|| format!("the kernel has no types of {module}"))?;
        id = next.next;
        let open = NextId {
            start: id,
            ..NextId::default()
        };
        let fd = owned(bpf(BTF_GET_FD_BY_ID, open)?.0);
        if name_of(&fd)? == module {
            return Ok(fd);
        }
    }
}

fn name_of(btf: &OwnedFd) -> Result<String> {
    let mut name = [0_u8; 64];
    let mut info = BtfInfo {
        name: name.as_mut_ptr() as u64,
        name_len: name.len() as u32,
        ..BtfInfo::default()
    };
    let attributes = InfoByFd {
        fd: btf.as_raw_fd() as u32,
        len: size_of::<BtfInfo>() as u32,
        info: &raw mut info as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, attributes)?;
    let name = CStr::from_bytes_until_nul(&name).context("a name without an end")?;
    Ok(name.to_string_lossy().into_owned())
}

/// Calls bpf(2); returns its result, and the attributes as the kernel left them.
fn bpf<A>(command: i32, mut attributes: A) -> io::Result<(i32, A)> {
    // SAFETY: The attributes are `repr(C)` and as long as said; addresses in them are of memory that
    // the callers hold, with the lengths beside them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            ptr::from_mut(&mut attributes),
            size_of::<A>(),
        )
    };
    match result {
        0.. => Ok((result as i32, attributes)),
        _ => Err(io::Error::last_os_error()),
    }
}

fn owned(fd: i32) -> OwnedFd {
    // SAFETY: The kernel has just made it for this process.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// `BPF_PROG_LOAD`, as far as it is used here.
#[derive(Default)]
#[repr(C)]
struct ProgLoad {
    kind: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_btf_obj_fd: u32,
    core_relo_cnt: u32,
}

/// `BPF_RAW_TRACEPOINT_OPEN`.
#[repr(C)]
struct RawTracepoint {
    name: u64,
    program: u32,
    reserved: u32,
    cookie: u64,
}

/// `BPF_LINK_CREATE`.
#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

/// `BPF_*_GET_NEXT_ID`, `BPF_*_GET_FD_BY_ID`.
#[derive(Default)]
#[repr(C)]
struct NextId {
    start: u32,
    next: u32,
    flags: u32,
}

/// `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
struct InfoByFd {
    fd: u32,
    len: u32,
    info: u64,
}

/// `struct bpf_btf_info`.
#[derive(Default)]
#[repr(C)]
struct BtfInfo {
    btf: u64,
    btf_size: u32,
    id: u32,
    name: u64,
    name_len: u32,
    kernel_btf: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_as_the_kernel_reads_them() {
        // BPF_MOV64_IMM(BPF_REG_0, -1): code, registers, offset, immediate.
        let bytes = insn(0xb7, -1).to_le_bytes();
        assert_eq!(bytes, [0xb7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        // BPF_LDX_MEM(BPF_B, BPF_REG_1, BPF_REG_10, -16).
        let bytes = insn_of(0x71, 1, 10, -16, 0).to_le_bytes();
        assert_eq!(bytes, [0x71, 0xa1, 0xf0, 0xff, 0, 0, 0, 0]);
    }

    #[test]
    fn attributes_have_the_kernels_layout() {
        use std::mem::offset_of;
        assert_eq!(offset_of!(ProgLoad, expected_attach_type), 68);
        assert_eq!(offset_of!(ProgLoad, attach_btf_id), 108);
        assert_eq!(offset_of!(RawTracepoint, program), 8);
        assert_eq!(size_of::<BtfInfo>(), 32);
    }
}

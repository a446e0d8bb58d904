//! `parse_write` and `read_text` against the kernel's C, written down line by line, in every mode
//! of `kernel.sysctl_writes_strict`.

use quickcheck::{Arbitrary, Gen, QuickCheck};
use vk_sysctl::{read_text, CType, Key, Value, Writes};

const TMPBUFLEN: usize = 22;
const PAGE_SIZE: usize = 4096;

fn isspace(c: u8) -> bool {
    (9..=13).contains(&c) || c == 32 || c == 160
}

fn proc_skip_spaces(buf: &[u8], p: &mut usize, size: &mut usize) {
    while *size > 0 {
        if !isspace(buf[*p]) {
            break;
        }
        *size -= 1;
        *p += 1;
    }
}

/// `strtoul_lenient()` with base 0; returns the number and the index behind it.
fn strtoul_lenient(cp: &[u8], start: usize) -> Option<(u64, usize)> {
    let mut s = start;
    let mut base = 10u128;
    if cp[s] == b'0' {
        let has_x = cp[s + 1] | 0x20 == b'x';
        base = if has_x && cp[s + 2].is_ascii_hexdigit() {
            16
        } else {
            8
        };
    }
    if base == 16 {
        s += 2;
    }
    let mut result = 0u128;
    while let Some(val) = (cp[s] as char).to_digit(16) {
        if u128::from(val) >= base {
            break;
        }
        result = result * base + u128::from(val);
        if result > u128::from(u64::MAX) {
            return None;
        }
        s += 1;
    }
    Some((result as u64, s))
}

/// `proc_get_long()`; returns value, sign and length.
fn proc_get_long(buf: &[u8], size: usize) -> Option<(u64, bool, usize)> {
    let len = size.min(TMPBUFLEN - 1);
    let mut tmp = [0; TMPBUFLEN];
    tmp[..len].copy_from_slice(&buf[..len]);
    let mut p = 0;
    let mut neg = false;
    if tmp[p] == b'-' && size > 1 {
        neg = true;
        p += 1;
    }
    if !tmp[p].is_ascii_digit() {
        return None;
    }
    let (val, p) = strtoul_lenient(&tmp, p)?;
    if p == TMPBUFLEN - 1 {
        return None;
    }
    if p < size && ![b' ', b'\t', b'\n'].contains(&tmp[p]) {
        return None;
    }
    Some((val, neg, p))
}

/// `sysctl_writes_strict`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Legacy = -1,
    Warn = 0,
    Strict = 1,
}

const MODES: [Mode; 3] = [Mode::Legacy, Mode::Warn, Mode::Strict];

impl Mode {
    fn ours(self) -> Writes {
        match self {
            Mode::Legacy | Mode::Warn => Writes::Anywhere,
            Mode::Strict => Writes::Strict,
        }
    }
}

/// What was stored, what write(2) returns, and the position.
type Done = Option<(Option<Value>, usize, u64)>;

fn first_pos_non_zero_ignore(ppos: u64, mode: Mode) -> bool {
    ppos != 0 && mode == Mode::Strict
}

/// `do_proc_dointvec()` for one int, writing.
fn dointvec(buffer: &[u8], ppos: u64, mode: Mode, (min, max): (i32, i32)) -> Done {
    let mut stored = None;
    let lenp = buffer.len();
    if lenp == 0 {
        return Some((None, 0, ppos));
    }
    let mut left = lenp;
    if first_pos_non_zero_ignore(ppos, mode) {
        return Some((None, lenp, ppos + lenp as u64));
    }
    if left > PAGE_SIZE - 1 {
        left = PAGE_SIZE - 1;
    }
    let mut p = 0;
    let mut first = true;
    let mut vleft = 1;
    while left > 0 && vleft > 0 {
        proc_skip_spaces(buffer, &mut p, &mut left);
        if left == 0 {
            break;
        }
        let (lval, neg, len) = proc_get_long(&buffer[p..], left)?;
        p += len;
        left -= len;
        let limit = i32::MAX as u64 + u64::from(neg);
        if lval > limit {
            return None;
        }
        let k = if neg {
            0i64.wrapping_sub(lval as i64)
        } else {
            lval as i64
        } as i32;
        if k < min || k > max {
            return None;
        }
        stored = Some(Value::Int(k));
        vleft -= 1;
        first = false;
    }
    if left > 0 {
        proc_skip_spaces(buffer, &mut p, &mut left);
    }
    if first {
        return None;
    }
    let used = lenp - left;
    Some((stored, used, ppos + used as u64))
}

/// `do_proc_douintvec_w()`; `conv` gets the number and gives what is stored.
fn douintvec(buffer: &[u8], ppos: u64, mode: Mode, conv: impl Fn(u64) -> Option<u32>) -> Done {
    let lenp = buffer.len();
    if lenp == 0 {
        return Some((None, 0, ppos));
    }
    if first_pos_non_zero_ignore(ppos, mode) {
        return Some((None, lenp, ppos + lenp as u64));
    }
    let mut left = lenp.min(PAGE_SIZE - 1);
    let mut p = 0;
    proc_skip_spaces(buffer, &mut p, &mut left);
    if left == 0 {
        return None;
    }
    let (lval, neg, _) = proc_get_long(&buffer[p..], left)?;
    if neg {
        return None;
    }
    // Neither *lenp nor *ppos is written.
    Some((Some(Value::UnsignedInt(conv(lval)?)), lenp, ppos))
}

fn uint_conv(u: u64, min: u32, max: u32) -> Option<u32> {
    if u > 0xffff_ffff {
        return None;
    }
    let k = u as u32;
    if min > k || max < k {
        return None;
    }
    Some(k)
}

/// `round_pipe_size()`, bit by bit.
fn round_pipe_size(size: u32) -> u32 {
    if size > 1 << 31 {
        return 0;
    }
    if (size as usize) < PAGE_SIZE {
        return PAGE_SIZE as u32;
    }
    let mut power = 1u64;
    while power < u64::from(size) {
        power *= 2;
    }
    power as u32
}

/// `do_proc_doulongvec_minmax()` for one unsigned long, writing.
fn doulongvec(buffer: &[u8], ppos: u64, mode: Mode, (min, max): (u64, u64)) -> Done {
    let lenp = buffer.len();
    if lenp == 0 {
        return Some((None, 0, ppos));
    }
    if first_pos_non_zero_ignore(ppos, mode) {
        return Some((None, lenp, ppos + lenp as u64));
    }
    let mut left = lenp.min(PAGE_SIZE - 1);
    let mut p = 0;
    proc_skip_spaces(buffer, &mut p, &mut left);
    if left == 0 {
        return None;
    }
    let (val, neg, len) = proc_get_long(&buffer[p..], left)?;
    p += len;
    left -= len;
    if neg || val < min || val > max {
        return None;
    }
    proc_skip_spaces(buffer, &mut p, &mut left);
    let used = lenp - left;
    Some((Some(Value::UnsignedLong(val)), used, ppos + used as u64))
}

fn kernel(ctype: CType, buffer: &[u8], ppos: u64, mode: Mode) -> Done {
    match ctype {
        CType::Int { min, max } => dointvec(buffer, ppos, mode, (min, max)),
        CType::UnsignedInt { min, max } => {
            douintvec(buffer, ppos, mode, |u| uint_conv(u, min, max))
        }
        CType::PipeSize => douintvec(buffer, ppos, mode, |u| {
            uint_conv(round_pipe_size(u as u32).into(), 1, u32::MAX)
        }),
        CType::UnsignedLong { min, max } => doulongvec(buffer, ppos, mode, (min, max)),
        _ => unreachable!(),
    }
}

fn ours(ctype: CType, text: &[u8], pos: u64, mode: Mode) -> Done {
    let parsed = ctype.parse_write(text, pos, mode.ours());
    assert!(parsed.is_ok() || parsed.is_err_and(|error| error.to_errno() == -22));
    let parsed = parsed.ok()?;
    Some((parsed.value, parsed.consumed, parsed.pos))
}

/// One type or more for each handler, some with the bounds given.
fn types((min, max): (u64, u64)) -> [CType; 7] {
    [
        Key::OvercommitMemory.ctype(),
        CType::INT,
        CType::Int {
            min: min as i32,
            max: max as i32,
        },
        CType::UnsignedInt {
            min: min as u32,
            max: max as u32,
        },
        CType::PipeSize,
        CType::UNSIGNED_LONG,
        CType::UnsignedLong { min, max },
    ]
}

/// Text that is a number, nearly one, or none.
#[derive(Clone, Debug)]
struct Text(Vec<u8>);

const PIECES: &[&[u8]] = &[
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"\x0b",
    b"\xa0",
    b"-",
    b"+",
    b"0",
    b"0x",
    b"0X",
    b"x",
    b"7",
    b"8",
    b"f",
    b"G",
    b"00000000",
    b"1",
    b"2",
    b"3",
    b"2147483647",
    b"2147483648",
    b"18446744073709551615",
    b"18446744073709551616",
    b"4294967295",
    b"4294967296",
    b"4294971393",
    b"2147483649",
    b"65537",
    b"7fffffff",
    b"80000000",
    b"ffffffffffffffff",
    b"777777777777777777777",
    b"1777777777777777777777",
    b"\0",
    b"\xff",
];

impl Arbitrary for Text {
    fn arbitrary(g: &mut Gen) -> Self {
        let pieces = u8::arbitrary(g) % 7;
        let mut text: Vec<u8> = (0..pieces)
            .flat_map(|_| g.choose(PIECES).unwrap().iter().copied())
            .collect();
        if u8::arbitrary(g) == 0 {
            let blanks = PAGE_SIZE - 8 + usize::from(u8::arbitrary(g) % 16);
            let at = usize::from(u8::arbitrary(g)) % (text.len() + 1);
            text.splice(at..at, std::iter::repeat_n(b' ', blanks));
        }
        Self(text)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

#[test]
fn every_write_is_understood_as_in_the_kernel() {
    fn agrees(Text(text): Text, pos: u8, mode: u8, bounds: (u64, u64)) -> bool {
        let pos = u64::from(pos.saturating_sub(128));
        let mode = MODES[usize::from(mode) % MODES.len()];
        types(bounds)
            .into_iter()
            .all(|ctype| ours(ctype, &text, pos, mode) == kernel(ctype, &text, pos, mode))
    }
    QuickCheck::new()
        .tests(200_000)
        .max_tests(200_000)
        .quickcheck(agrees as fn(Text, u8, u8, (u64, u64)) -> bool);
}

#[test]
fn any_text_at_all_is_answered() {
    fn agrees(text: Vec<u8>) -> bool {
        types((0, u64::MAX)).into_iter().all(|ctype| {
            ours(ctype, &text, 0, Mode::Strict) == kernel(ctype, &text, 0, Mode::Strict)
        })
    }
    QuickCheck::new()
        .tests(50_000)
        .max_tests(50_000)
        .quickcheck(agrees as fn(Vec<u8>) -> bool);
}

/// A file that is written piece by piece, as write(2) does with what was not used up.
#[test]
fn a_number_may_come_in_several_writes() {
    fn agrees(Text(text): Text, cut: u8) -> bool {
        let cut = usize::from(cut).min(text.len());
        let (head, tail) = text.split_at(cut);
        types((0, u64::MAX)).into_iter().all(|ctype| {
            MODES.into_iter().all(|mode| {
                let Some((_, used, pos)) = ours(ctype, head, 0, mode) else {
                    return kernel(ctype, head, 0, mode).is_none();
                };
                let rest = [&head[used..], tail].concat();
                ours(ctype, &rest, pos, mode) == kernel(ctype, &rest, pos, mode)
            })
        })
    }
    QuickCheck::new()
        .tests(50_000)
        .max_tests(50_000)
        .quickcheck(agrees as fn(Text, u8) -> bool);
}

#[test]
fn every_value_is_shown_as_sprintf_does_and_read_back() {
    fn agrees(int: i32, long: u64, shift: u32, size: u8) -> bool {
        let long = long >> (shift % 64);
        let cases = [
            (Key::OvercommitRatio, Value::Int(int), format!("{int}\n")),
            (
                Key::OvercommitKbytes,
                Value::UnsignedLong(long),
                format!("{long}\n"),
            ),
            (
                Key::PipeMaxSize,
                Value::UnsignedInt(4096u32 << (shift % 20)),
                format!("{}\n", 4096u32 << (shift % 20)),
            ),
        ];
        cases.into_iter().all(|(key, value, text)| {
            let mut out = vec![0; usize::from(size % 32)];
            let shown = read_text(value, 0, &mut out).written;
            let expected = &text.as_bytes()[..text.len().min(out.len())];
            &out[..shown] == expected && key.parse(text.as_bytes()) == Ok(value)
        })
    }
    QuickCheck::new()
        .tests(50_000)
        .max_tests(50_000)
        .quickcheck(agrees as fn(i32, u64, u32, u8) -> bool);
}

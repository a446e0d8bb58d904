//! `parse_write` and `read_text` against the kernel's C, written down line by line.

use quickcheck::{Arbitrary, Gen, QuickCheck};
use vk_sysctl::{read_text, CType, Key, Value};

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

fn conv(ctype: CType, lval: u64, neg: bool) -> Option<Value> {
    match ctype {
        CType::Int { min, max } => {
            let limit = i128::from(i32::MAX) + i128::from(neg);
            if i128::from(lval) > limit {
                return None;
            }
            let k = if neg {
                -i128::from(lval)
            } else {
                i128::from(lval)
            } as i32;
            (min <= k && k <= max).then_some(Value::Int(k))
        }
        CType::UnsignedLong { min, max } => {
            (!neg && min <= lval && lval <= max).then_some(Value::UnsignedLong(lval))
        }
        _ => unreachable!(),
    }
}

/// `do_proc_dointvec()` and `do_proc_doulongvec_minmax()` for one value, writing.
///
/// Returns what is stored and the bytes used up.
fn proc_do_vec(key: Key, buffer: &[u8], ppos: u64) -> Option<(Option<Value>, usize)> {
    let lenp = buffer.len();
    if lenp == 0 || ppos != 0 {
        return Some((None, lenp));
    }
    let mut left = lenp;
    if left > PAGE_SIZE - 1 {
        left = PAGE_SIZE - 1;
    }
    let mut p = 0;
    proc_skip_spaces(buffer, &mut p, &mut left);
    if left == 0 {
        return None;
    }
    let (lval, neg, len) = proc_get_long(&buffer[p..], left)?;
    p += len;
    left -= len;
    let stored = conv(key.entry().ctype, lval, neg)?;
    proc_skip_spaces(buffer, &mut p, &mut left);
    Some((Some(stored), lenp - left))
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
    fn agrees(Text(text): Text, at_start: bool) -> bool {
        let pos = u64::from(!at_start);
        Key::ALL.into_iter().all(|key| {
            let ours = key.parse_write(&text, pos).ok();
            let ours = ours.map(|parsed| (parsed.value, parsed.consumed));
            ours == proc_do_vec(key, &text, pos)
        })
    }
    QuickCheck::new()
        .tests(200_000)
        .max_tests(200_000)
        .quickcheck(agrees as fn(Text, bool) -> bool);
}

#[test]
fn any_text_at_all_is_answered() {
    fn agrees(text: Vec<u8>) -> bool {
        Key::ALL.into_iter().all(|key| {
            let ours = key.parse_write(&text, 0).ok();
            let ours = ours.map(|parsed| (parsed.value, parsed.consumed));
            ours == proc_do_vec(key, &text, 0)
        })
    }
    QuickCheck::new()
        .tests(50_000)
        .max_tests(50_000)
        .quickcheck(agrees as fn(Vec<u8>) -> bool);
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

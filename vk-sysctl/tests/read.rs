//! What a read shows, by examples.

use vk_sysctl::{read_text, Value};

fn text(value: Value, len: usize) -> String {
    let mut out = vec![b'#'; len];
    let read = read_text(value, 0, &mut out);
    assert_eq!(read.pos, read.written as u64);
    assert!(out[read.written..].iter().all(|&byte| byte == b'#'));
    String::from_utf8(out[..read.written].to_vec()).unwrap()
}

#[test]
fn shows_the_number_and_a_newline() {
    assert_eq!(text(Value::Int(2), 4096), "2\n");
    assert_eq!(text(Value::Int(i32::MIN), 4096), "-2147483648\n");
    assert_eq!(
        text(Value::UnsignedLong(u64::MAX), 4096),
        "18446744073709551615\n"
    );
}

#[test]
fn cuts_off_what_does_not_fit() {
    assert_eq!(text(Value::Int(-123), 0), "");
    assert_eq!(text(Value::Int(-123), 1), "-");
    assert_eq!(text(Value::Int(-123), 3), "-12");
    assert_eq!(text(Value::Int(-123), 4), "-123");
    assert_eq!(text(Value::Int(-123), 5), "-123\n");
}

#[test]
fn ends_behind_the_start() {
    let mut out = [b'#'; 8];
    for pos in [1, 2, 4096, u64::MAX] {
        let read = read_text(Value::Int(123), pos, &mut out);
        assert_eq!(read.written, 0);
        assert_eq!(read.pos, pos);
    }
    assert_eq!(out, [b'#'; 8]);
}

//! What is understood of a write, by examples.

use vk_sysctl::{CType, Key, ParseError, Value, Writes};

const MEMORY: Key = Key::OvercommitMemory;
const RATIO: Key = Key::OvercommitRatio;
const KBYTES: Key = Key::OvercommitKbytes;

fn value(key: Key, text: &[u8]) -> Result<Option<Value>, ParseError> {
    key.parse_write(text, 0).map(|parsed| parsed.value)
}

fn int(text: &[u8]) -> Result<Option<Value>, ParseError> {
    value(RATIO, text)
}

fn consumed(text: &[u8]) -> Result<usize, ParseError> {
    RATIO.parse_write(text, 0).map(|parsed| parsed.consumed)
}

#[test]
fn reads_what_echo_writes() {
    assert_eq!(value(MEMORY, b"2\n"), Ok(Some(Value::Int(2))));
    assert_eq!(value(RATIO, b"80\n"), Ok(Some(Value::Int(80))));
    assert_eq!(
        value(KBYTES, b"98304\n"),
        Ok(Some(Value::UnsignedLong(98_304)))
    );
}

#[test]
fn reads_octal_hexadecimal_and_signs() {
    assert_eq!(int(b"010"), Ok(Some(Value::Int(8))));
    assert_eq!(int(b"0x1F"), Ok(Some(Value::Int(31))));
    assert_eq!(int(b"0X1f"), Ok(Some(Value::Int(31))));
    assert_eq!(int(b"-1"), Ok(Some(Value::Int(-1))));
    assert_eq!(int(b"-0x10"), Ok(Some(Value::Int(-16))));
    assert_eq!(int(b"-0"), Ok(Some(Value::Int(0))));
    assert_eq!(int(b"0"), Ok(Some(Value::Int(0))));
}

#[test]
fn skips_white_space_on_both_sides() {
    assert_eq!(int(b" \t\n\x0b\x0c\r\xa05 "), Ok(Some(Value::Int(5))));
    assert_eq!(consumed(b"  5\n\n"), Ok(5));
    assert_eq!(consumed(b"5 \r\xa0"), Ok(4));
    assert_eq!(int(b"5\r"), Err(ParseError::Trailing { byte: b'\r' }));
}

#[test]
fn leaves_a_second_number_to_the_next_write() {
    let parsed = RATIO.parse_write(b"5 6\n", 0).unwrap();
    assert_eq!(parsed.value, Some(Value::Int(5)));
    assert_eq!(parsed.consumed, 2);
    let rest = RATIO.parse_write(b"6\n", 2).unwrap();
    assert_eq!(rest.value, None);
    assert_eq!(rest.consumed, 2);
}

#[test]
fn swallows_writes_behind_the_start_and_empty_ones() {
    for key in Key::ALL {
        let behind = key.parse_write(b"not looked at", 1).unwrap();
        assert_eq!(behind.value, None);
        assert_eq!(behind.consumed, 13);
        let empty = key.parse_write(b"", 0).unwrap();
        assert_eq!(empty.value, None);
        assert_eq!(empty.consumed, 0);
    }
}

#[test]
fn refuses_what_is_no_number() {
    assert_eq!(int(b"\n"), Err(ParseError::Empty));
    assert_eq!(int(b"yes"), Err(ParseError::NotANumber));
    assert_eq!(int(b"-"), Err(ParseError::NotANumber));
    assert_eq!(int(b"+1"), Err(ParseError::NotANumber));
    assert_eq!(int(b"--1"), Err(ParseError::NotANumber));
    assert_eq!(int(b"- 1"), Err(ParseError::NotANumber));
    assert_eq!(int(b"\0"), Err(ParseError::NotANumber));
    assert_eq!(int(b"1k"), Err(ParseError::Trailing { byte: b'k' }));
    assert_eq!(int(b"1\0"), Err(ParseError::Trailing { byte: 0 }));
    assert_eq!(int(b"08"), Err(ParseError::Trailing { byte: b'8' }));
    assert_eq!(int(b"0x"), Err(ParseError::Trailing { byte: b'x' }));
    assert_eq!(int(b"0xg"), Err(ParseError::Trailing { byte: b'x' }));
}

#[test]
fn refuses_what_the_type_cannot_hold() {
    let range = ParseError::OutOfRange { ctype: CType::INT };
    assert_eq!(int(b"2147483647"), Ok(Some(Value::Int(i32::MAX))));
    assert_eq!(int(b"2147483648"), Err(range));
    assert_eq!(int(b"-2147483648"), Ok(Some(Value::Int(i32::MIN))));
    assert_eq!(int(b"-2147483649"), Err(range));
    assert_eq!(int(b"18446744073709551615"), Err(range));
    assert_eq!(int(b"-18446744073709551615"), Err(ParseError::TooLong));
}

#[test]
fn an_unsigned_long_has_64_bits_and_no_sign() {
    assert_eq!(
        value(KBYTES, b"18446744073709551615"),
        Ok(Some(Value::UnsignedLong(u64::MAX)))
    );
    assert_eq!(
        value(KBYTES, b"0xffffffffffffffff\n"),
        Ok(Some(Value::UnsignedLong(u64::MAX)))
    );
    assert_eq!(
        value(KBYTES, b"18446744073709551616"),
        Err(ParseError::Overflow)
    );
    let range = ParseError::OutOfRange {
        ctype: CType::UNSIGNED_LONG,
    };
    assert_eq!(value(KBYTES, b"-1"), Err(range));
    assert_eq!(value(KBYTES, b"-0"), Err(range));
}

#[test]
fn refuses_numbers_of_21_characters() {
    assert_eq!(int(b"00000000000000000001"), Ok(Some(Value::Int(1))));
    assert_eq!(int(b"000000000000000000001"), Err(ParseError::TooLong));
    assert_eq!(int(b"-0000000000000000001"), Ok(Some(Value::Int(-1))));
    assert_eq!(int(b"-00000000000000000001"), Err(ParseError::TooLong));
}

#[test]
fn keeps_the_bounds_of_the_kernels_table() {
    assert_eq!(value(MEMORY, b"0"), Ok(Some(Value::Int(0))));
    let range = ParseError::OutOfRange {
        ctype: CType::Int { min: 0, max: 2 },
    };
    assert_eq!(value(MEMORY, b"3"), Err(range));
    assert_eq!(value(MEMORY, b"-1"), Err(range));
    assert_eq!(value(RATIO, b"101"), Ok(Some(Value::Int(101))));
}

#[test]
fn an_unsigned_int_uses_everything_up_and_stays_where_it_is() {
    let parsed = Key::NrOpen.parse_write(b" 1024 and more", 0).unwrap();
    assert_eq!(parsed.value, Some(Value::UnsignedInt(1024)));
    assert_eq!((parsed.consumed, parsed.pos), (14, 0));
    // So a second write through the same file counts too; only one elsewhere does not.
    let parsed = Key::NrOpen.parse_write(b"2048", 3).unwrap();
    assert_eq!(parsed.value, None);
    assert_eq!((parsed.consumed, parsed.pos), (4, 7));
}

#[test]
fn an_unsigned_int_has_no_sign_and_32_bits() {
    assert!(Key::NrOpen.parse(b"-0").is_err());
    assert!(Key::NrOpen.parse(b"4294967360").is_err());
    assert!(Key::NrOpen.parse(b"63").is_err());
    assert!(Key::NrOpen.parse(b"64").is_ok());
    assert!(Key::NrOpen.parse(b"2147483584").is_ok());
    assert!(Key::NrOpen.parse(b"2147483585").is_err());
}

#[test]
fn a_pipe_size_is_rounded_up_as_in_the_kernel() {
    let key = Key::PipeMaxSize;
    for (text, size) in [
        ("0", 4096),
        ("4096", 4096),
        ("4097", 8192),
        ("1048576", 1 << 20),
        ("2147483648", 1 << 31),
        // The kernel looks at the low 32 bits only.
        ("4294967296", 4096),
        ("4295032833", 131_072),
    ] {
        let value = key.parse(text.as_bytes());
        assert_eq!(value, Ok(Value::UnsignedInt(size)), "{text}");
    }
    assert!(key.parse(b"2147483649").is_err());
    assert!(key.parse(b"4294967295").is_err());
    assert_eq!(
        key.parse(b"2147483649").unwrap_err().to_string(),
        "out of range, expected 0 to 2147483648"
    );
}

#[test]
fn the_other_modes_take_a_number_anywhere() {
    let parsed = CType::INT.parse_write(b"5\n", 3, Writes::Anywhere);
    let parsed = parsed.unwrap();
    assert_eq!(parsed.value, Some(Value::Int(5)));
    assert_eq!((parsed.consumed, parsed.pos), (2, 5));
    assert_eq!(Writes::default(), Writes::Strict);
}

#[test]
fn looks_at_one_page_less_a_byte() {
    let mut text = vec![b' '; 5000];
    text[4094] = b'7';
    assert_eq!(int(&text), Ok(Some(Value::Int(7))));
    assert_eq!(consumed(&text), Ok(5000));
    text[4094] = b' ';
    text[4095] = b'7';
    assert_eq!(int(&text), Err(ParseError::Empty));
    text[4093] = b'1';
    text[4095] = b'x';
    assert_eq!(consumed(&text), Ok(5000));
    text[4094] = b'2';
    assert_eq!(int(&text), Ok(Some(Value::Int(12))));
}

#[test]
fn a_setting_is_one_value_and_nothing_else() {
    assert_eq!(RATIO.parse(b" 50\n"), Ok(Value::Int(50)));
    assert_eq!(
        RATIO.parse(b"50 60"),
        Err(ParseError::Trailing { byte: b'6' })
    );
    assert_eq!(RATIO.parse(b""), Err(ParseError::Empty));
    assert!(MEMORY.parse(b"3").is_err());
}

#[test]
fn every_error_is_einval_and_a_sentence() {
    let errors = [
        (ParseError::Empty, "a number is missing"),
        (ParseError::NotANumber, "not a number"),
        (ParseError::TooLong, "the number has too many characters"),
        (
            ParseError::Trailing { byte: b'k' },
            "byte 0x6b after the number",
        ),
        (ParseError::Overflow, "the number does not fit 64 bits"),
        (
            MEMORY.parse(b"3").unwrap_err(),
            "out of range, expected 0 to 2",
        ),
    ];
    for (error, sentence) in errors {
        assert_eq!(error.to_errno(), -22);
        assert_eq!(error.to_string(), sentence);
    }
}

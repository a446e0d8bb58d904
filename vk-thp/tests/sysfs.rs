//! The text of the `enabled` files, both ways.

use vk_thp::{Enabled, OrderMode, ParseError};

#[test]
fn reads_the_words_of_enabled() {
    assert_eq!(Enabled::from_sysfs(b"always"), Ok(Enabled::Always));
    assert_eq!(Enabled::from_sysfs(b"madvise\n"), Ok(Enabled::Madvise));
    assert_eq!(Enabled::from_sysfs(b"never\n"), Ok(Enabled::Never));
}

#[test]
fn reads_the_words_of_one_size() {
    assert_eq!(OrderMode::from_sysfs(b"always\n"), Ok(OrderMode::Always));
    assert_eq!(OrderMode::from_sysfs(b"inherit\n"), Ok(OrderMode::Inherit));
    assert_eq!(OrderMode::from_sysfs(b"madvise"), Ok(OrderMode::Madvise));
    assert_eq!(OrderMode::from_sysfs(b"never"), Ok(OrderMode::Never));
}

#[test]
fn text_ends_at_the_first_nul() {
    assert_eq!(Enabled::from_sysfs(b"never\0always"), Ok(Enabled::Never));
    assert_eq!(Enabled::from_sysfs(b"never\n\0\n"), Ok(Enabled::Never));
    assert!(Enabled::from_sysfs(b"\0never").is_err());
}

#[test]
fn refuses_what_sysfs_streq_refuses() {
    let refused: [&[u8]; 14] = [
        b"",
        b"\n",
        b"\0",
        b"alway",
        b"alwayss",
        b"Always",
        b" always",
        b"always ",
        b"always\n\n",
        b"\nalways",
        b"always\r\n",
        b"[always] madvise never\n",
        b"inherit",
        b"defer",
    ];
    for text in refused {
        assert!(Enabled::from_sysfs(text).is_err());
    }
    assert!(OrderMode::from_sysfs(b"inherit\n\n").is_err());
    assert!(OrderMode::from_sysfs(b"").is_err());
}

#[test]
fn shows_the_text_of_the_kernel() {
    assert_eq!(Enabled::Always.sysfs_text(), "[always] madvise never\n");
    assert_eq!(Enabled::Madvise.sysfs_text(), "always [madvise] never\n");
    assert_eq!(Enabled::Never.sysfs_text(), "always madvise [never]\n");
    assert_eq!(
        OrderMode::Always.sysfs_text(),
        "[always] inherit madvise never\n"
    );
    assert_eq!(
        OrderMode::Inherit.sysfs_text(),
        "always [inherit] madvise never\n"
    );
    assert_eq!(
        OrderMode::Madvise.sysfs_text(),
        "always inherit [madvise] never\n"
    );
    assert_eq!(
        OrderMode::Never.sysfs_text(),
        "always inherit madvise [never]\n"
    );
}

#[test]
fn numbers_and_words_come_back() {
    for mode in Enabled::ALL {
        assert_eq!(Enabled::from_raw(mode as u8), Some(mode));
        assert_eq!(Enabled::from_sysfs(mode.as_str().as_bytes()), Ok(mode));
        assert_eq!(mode.to_string(), mode.as_str());
    }
    assert_eq!(Enabled::from_raw(3), None);
    for mode in OrderMode::ALL {
        assert_eq!(OrderMode::from_raw(mode as u8), Some(mode));
        assert_eq!(OrderMode::from_sysfs(mode.as_str().as_bytes()), Ok(mode));
        assert_eq!(mode.to_string(), mode.as_str());
    }
    assert_eq!(OrderMode::from_raw(4), None);
}

#[test]
fn an_unknown_word_is_einval_and_says_what_was_expected() {
    let error: ParseError = Enabled::from_sysfs(b"sometimes").unwrap_err();
    assert_eq!(error.to_errno(), -22);
    assert_eq!(
        error.to_string(),
        "not a THP policy, expected always, madvise or never"
    );
    assert_eq!(
        OrderMode::from_sysfs(b"sometimes").unwrap_err().to_string(),
        "not a THP policy, expected always, inherit, madvise or never"
    );
}

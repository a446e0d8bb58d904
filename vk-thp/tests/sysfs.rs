//! The text of the files, both ways.

use vk_thp::{
    Defrag, Enabled, OrderMode, ParseError, ShmemEnabled, ShmemOrderMode, Switch, TmpfsHuge,
};

/// What a file with `words` shows while `active` is in force.
fn shown(words: &[&str], active: &str) -> String {
    let marked = words.iter().map(|&word| {
        if word == active {
            format!("[{word}]")
        } else {
            word.to_owned()
        }
    });
    marked.collect::<Vec<_>>().join(" ") + "\n"
}

/// Tests one file: its words in order, its reader, and for each mode the word and the text shown.
macro_rules! file {
    ($name:ident, $mode:ty, [$($word:literal),+]) => {
        #[test]
        fn $name() {
            let words = [$($word),+];
            assert_eq!(<$mode>::ALL.map(|mode| mode.as_str()), words);
            for mode in <$mode>::ALL {
                assert_eq!(mode.sysfs_text(), shown(&words, mode.as_str()));
                assert_eq!(mode.to_string(), mode.as_str());
                assert_eq!(<$mode>::from_raw(mode as _), Some(mode));
                let word = mode.as_str();
                for text in [word.to_owned(), format!("{word}\n"), format!("{word}\0x")] {
                    assert_eq!(<$mode>::from_sysfs(text.as_bytes()), Ok(mode));
                }
                let refused = ["{}\n\n", " {}", "{} ", "x{}", "{}x", "[{}]", "{}\r\n"];
                for form in refused {
                    let text = form.replace("{}", word);
                    assert!(<$mode>::from_sysfs(text.as_bytes()).is_err());
                }
                assert!(<$mode>::from_sysfs(word.to_uppercase().as_bytes()).is_err());
                assert!(<$mode>::from_sysfs(mode.sysfs_text().as_bytes()).is_err());
            }
            assert!(<$mode>::from_sysfs(b"").is_err());
            assert!(<$mode>::from_sysfs(b"\n").is_err());
            let error = <$mode>::from_sysfs(b"sometimes").unwrap_err();
            assert!(words.iter().all(|word| error.to_string().contains(word)));
            assert_eq!(error.to_errno(), -22);
        }
    };
}

file!(enabled, Enabled, ["always", "madvise", "never"]);
file!(
    enabled_of_one_size,
    OrderMode,
    ["always", "inherit", "madvise", "never"]
);
file!(
    defrag,
    Defrag,
    ["always", "defer", "defer+madvise", "madvise", "never"]
);
file!(
    shmem_enabled,
    ShmemEnabled,
    ["always", "within_size", "advise", "never", "deny", "force"]
);
file!(
    shmem_enabled_of_one_size,
    ShmemOrderMode,
    ["always", "inherit", "within_size", "advise", "never"]
);

#[test]
fn shmem_enabled_takes_fifteen_bytes_and_the_newline_before_the_nul() {
    let read = ShmemEnabled::from_sysfs;
    // sysfs_streq() would take this one.
    assert!(read(b"never\n\0").is_err());
    assert!(Enabled::from_sysfs(b"never\n\0").is_ok());
    assert_eq!(read(b"never\0\n"), Ok(ShmemEnabled::Never));
    assert_eq!(read(b"never\0garbage\n!"), Ok(ShmemEnabled::Never));
    assert!(read(b"never\0garbage!!!").is_err());
    assert!(Enabled::from_sysfs(b"never\0garbage!!!").is_ok());
}

#[test]
fn shmem_has_the_kernels_numbers() {
    use ShmemEnabled::{Advise, Always, Deny, Force, Never, WithinSize};
    for (raw, mode) in [
        (0, Never),
        (1, Always),
        (2, WithinSize),
        (3, Advise),
        (-1, Deny),
        (-2, Force),
    ] {
        assert_eq!(ShmemEnabled::from_raw(raw), Some(mode));
    }
    assert_eq!(ShmemEnabled::from_raw(-3), None);
    assert_eq!(ShmemEnabled::from_raw(4), None);
    for huge in TmpfsHuge::ALL {
        assert_eq!(TmpfsHuge::from_raw(huge as u8), Some(huge));
    }
    assert_eq!(TmpfsHuge::from_raw(4), None);
    assert_eq!(Defrag::from_raw(5), None);
    assert_eq!(ShmemOrderMode::from_raw(5), None);
}

#[test]
fn a_switch_is_a_number_of_base_ten() {
    let taken: [(&[u8], Switch); 8] = [
        (b"0", Switch::Off),
        (b"1", Switch::On),
        (b"0\n", Switch::Off),
        (b"1\n", Switch::On),
        (b"+1\n", Switch::On),
        (b"0000000000000000000000000000001", Switch::On),
        (b"1\0 2", Switch::On),
        (b"1\n\0\n", Switch::On),
    ];
    for (text, switch) in taken {
        assert_eq!(Switch::from_sysfs(text), Ok(switch));
    }
    let refused: [&[u8]; 16] = [
        b"",
        b"\n",
        b"\0",
        b"+",
        b"-0",
        b"++1",
        b"+ 1",
        b" 1",
        b"1 ",
        b"1\n\n",
        b"2",
        b"0x1",
        b"on",
        b"1x",
        b"18446744073709551615",
        b"\n1",
    ];
    for text in refused {
        let error = Switch::from_sysfs(text).unwrap_err();
        assert_eq!(error, ParseError::NotASwitch);
        assert_eq!(error.to_errno(), -22);
    }
    // The kernel finds out about the size first, and about the letter afterwards.
    let too_large: [&[u8]; 3] = [
        b"18446744073709551616",
        b"99999999999999999999x",
        b"+00184467440737095516160\n",
    ];
    for text in too_large {
        let error = Switch::from_sysfs(text).unwrap_err();
        assert_eq!(error, ParseError::OutOfRange);
        assert_eq!(error.to_errno(), -34);
    }
}

#[test]
fn a_switch_shows_its_digit() {
    assert_eq!(Switch::Off.sysfs_text(), "0\n");
    assert_eq!(Switch::On.sysfs_text(), "1\n");
    for switch in Switch::ALL {
        assert_eq!(Switch::from_raw(switch as u8), Some(switch));
        assert_eq!(
            Switch::from_sysfs(switch.sysfs_text().as_bytes()),
            Ok(switch)
        );
        assert_eq!(switch.to_string(), switch.as_str());
        assert_eq!(switch.is_on(), switch == Switch::On);
    }
    assert_eq!(Switch::from_raw(2), None);
}

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

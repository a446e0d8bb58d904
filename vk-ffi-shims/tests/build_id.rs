//! Build-ids among ELF notes.

use vk_ffi_shims::build::{BuildId, Mismatch};

/// An ELF note with its padding.
fn note(name: &[u8], kind: u32, description: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [name.len() as u32, description.len() as u32, kind] {
        bytes.extend(word.to_le_bytes());
    }
    for part in [name, description] {
        bytes.extend(part);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

#[test]
fn finds_the_build_id_behind_other_notes() {
    let mut notes = note(b"Xen\0", 6, b"odd");
    notes.extend(note(b"GNU\0", 1, &[9; 20]));
    notes.extend(note(b"Linux\0", 3, &[8; 20]));
    notes.extend(note(b"GNU\0", 3, &[7; 20]));
    let found = BuildId::in_notes(&notes).expect("there is one");
    assert_eq!(found.bytes(), &[7; 20]);
    assert_eq!(found.to_string(), "07".repeat(20));
    assert_eq!(format!("{found:.4}"), "0707");
}

#[test]
fn finds_none_where_there_is_none() {
    assert_eq!(BuildId::in_notes(&[]), None);
    assert_eq!(BuildId::in_notes(&note(b"GNU\0", 1, &[7; 20])), None);
    let short = note(b"GNU\0", 3, &[7; 8]);
    assert_eq!(BuildId::in_notes(&short), None);
}

#[test]
fn a_note_that_ends_too_early_is_none() {
    let whole = note(b"GNU\0", 3, &[7; 20]);
    for len in 0..whole.len() {
        assert_eq!(BuildId::in_notes(&whole[..len]), None);
    }
    let mut huge = whole.clone();
    huge[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(BuildId::in_notes(&huge), None);
}

#[test]
fn a_mismatch_names_both_kernels() {
    let id = |byte| BuildId::new(&[byte; 20]).expect("twenty bytes");
    let text = Mismatch::OtherKernel {
        release: "7.2.12-a",
        wanted: id(1),
        running_release: "7.2.12-b",
        running: id(2),
    }
    .to_string();
    for part in ["7.2.12-a", "7.2.12-b", "0101", "0202", "allow=btf"] {
        assert!(text.contains(part), "{text}");
    }
}

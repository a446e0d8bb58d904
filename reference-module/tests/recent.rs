//! What is kept for a tick: only for it, and never more than was said.

use vk_reference_module::Recent;

#[test]
fn nothing_is_kept_at_first() {
    let recent = Recent::new();
    for tick in [1, u64::MAX] {
        assert_eq!(recent.pages(tick), None);
    }
    assert_eq!(recent.pages(0), Some(0));
}

#[test]
fn is_good_for_its_own_tick_only() {
    let recent = Recent::new();
    recent.keep(1 << 40, 5);
    assert_eq!(recent.pages(1 << 40), Some(5));
    assert_eq!(recent.pages((1 << 40) + 1), None);
    assert_eq!(recent.pages((1 << 40) - 1), None);
    recent.keep((1 << 40) + 1, 6);
    assert_eq!(recent.pages(1 << 40), None);
    assert_eq!(recent.pages((1 << 40) + 1), Some(6));
}

#[test]
fn a_late_writer_takes_away_what_is_newer_and_gives_nothing() {
    let recent = Recent::new();
    recent.keep(9, 5);
    recent.keep(8, 1_000);
    assert_eq!(recent.pages(9), None);
}

#[test]
fn is_never_more_than_was_kept() {
    let recent = Recent::new();
    for pages in [
        i64::MIN,
        -1,
        0,
        1,
        0xffff_fffe,
        0xffff_ffff,
        1 << 32,
        i64::MAX,
    ] {
        recent.keep(3, pages);
        assert_eq!(recent.pages(3), Some(pages.clamp(0, 0xffff_ffff)));
    }
}

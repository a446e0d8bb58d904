//! KEYS.md, rendered from the tables by which the module serves kernel parameters.
//!
//! `VK_RENDER=1 cargo test -p vk-reference-module --test keys` writes it.

use std::fmt::Write;

use vk_reference_module::{features, Key, SERVED};
use vk_sysctl::{Exactness, Exceed, Order, TABLE};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/KEYS.md");

const HEAD: &str = "\
# Kernel parameters that vkernel.ko serves

Rendered from the module's own tables by `VK_RENDER=1 cargo test -p vk-reference-module --test keys`.

*View*: a container reads its own value below `/proc/sys`, and writes it where the host said
`KEY.inside=rw`; the host and other containers read theirs. *Effect*: what holds the container to it;
`vkctl features` says whether the running kernel has the hooks. *Stricter* and *laxer*: whether the
value may be so, compared with the host's. *Exactness*: what differs from the kernel's own way with
the host's value. Where the kernel reads each value, and which parameters are refused or are the
kernel's own per namespace: [vk-sysctl's KEYS.md](../vk-sysctl/KEYS.md).

| key | type | range | view | effect by the features | stricter | laxer | exactness |
|---|---|---|---|---|---|---|---|
";

fn row(key: vk_sysctl::Key) -> String {
    let entry = key.entry();
    let ctype = entry.ctype;
    let range = format!("{} to {}", ctype.least(), ctype.greatest());
    let names: Vec<_> = features(key).iter().map(|it| it.name()).collect();
    let stricter = match entry.order {
        Order::None => "neither is",
        Order::Lower => "yes: lower",
        Order::LowerButZero => "yes: lower, 0 is no limit",
        Order::Higher => "yes: higher",
        _ => unreachable!(),
    };
    let laxer = match entry.exceed {
        Exceed::May => "yes".to_owned(),
        why => format!("no: {why}"),
    };
    let exactness = match entry.exactness {
        Exactness::Exact => "exact",
        Exactness::Differs(how) => how,
        _ => unreachable!(),
    };
    let (view, effects) = names.split_first().expect("a feature for its file");
    format!(
        "| `{key}` | {ctype} | {range} | {view} | {} | {stricter} | {laxer} | {exactness} |\n",
        effects.join(", ")
    )
}

#[test]
fn the_document_is_what_the_tables_say() {
    let mut rendered = HEAD.to_owned();
    for key in Key::ALL {
        if let Key::Sysctl(key) = key {
            rendered += &row(key);
        }
    }
    let left: Vec<_> = TABLE
        .iter()
        .filter(|entry| !Key::ALL.contains(&Key::Sysctl(entry.key)))
        .map(|entry| format!("`{}`", entry.name))
        .collect();
    writeln!(
        rendered,
        "\nOf vk-sysctl's table the module leaves out {}: series 7.2 keeps it per pid namespace, so that\n\
         `vkctl` sets it there; for series 6.12, which does not, no hook is armed at all.",
        left.join(", ")
    )
    .unwrap();
    if std::env::var_os("VK_RENDER").is_some() {
        std::fs::write(PATH, &rendered).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        committed == rendered,
        "KEYS.md is not what the tables say: VK_RENDER=1 cargo test -p vk-reference-module --test keys"
    );
}

#[test]
fn every_kernel_parameter_that_is_a_key_is_served() {
    for key in Key::ALL {
        if let Key::Sysctl(key) = key {
            assert!(!features(key).is_empty(), "{key}");
        }
    }
    for (key, ..) in SERVED {
        assert!(Key::ALL.contains(&Key::Sysctl(key)), "{key}");
    }
}

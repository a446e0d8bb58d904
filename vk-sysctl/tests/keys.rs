//! KEYS.md, rendered from the tables that the crate uses.
//!
//! `VK_RENDER=1 cargo test -p vk-sysctl --test keys` writes it.

use std::fmt::Write;

use vk_sysctl::{
    CType, Enforcer, Entry, Exactness, Exceed, Order, Place, Scope, Shape, NAMESPACED, TABLE,
    UNSUPPORTED,
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/KEYS.md");

const HEAD: &str = "\
# Kernel parameters of vk-sysctl

Rendered from the crate's tables by `VK_RENDER=1 cargo test -p vk-sysctl --test keys`. Places are
those of 7.2.12; `tests/source.rs` looks them up.

## With a private value

A container reads and writes its own value in the kernel's own text. *Enforced by* is what catches
the value's effect, and which of them a module has is said by the module. *Laxer than the host* is
what `Key::check` and `Key::enforced` decide by; *no* also holds when the host turns stricter later.
";

const NAMESPACED_HEAD: &str = "
## Namespaced by the kernel

Set natively inside the container's namespace; no hook is needed. A name that ends in `.` is every
other parameter below it: a file that its namespace does not have, or has read-only, is refused by
the kernel. `kernel.msg_next_id` and its like show -1 for \"none\" and do not take it.
";

const UNSUPPORTED_HEAD: &str = "
## Not supported

Refused by name. A name that ends in `.` or `_` is every parameter that begins with it.
";

fn range(ctype: CType) -> String {
    let rounded = match ctype {
        CType::PipeSize => ", a power of two",
        _ => "",
    };
    format!("{} to {}{rounded}", ctype.least(), ctype.greatest())
}

fn type_of(ctype: CType) -> String {
    format!("{ctype}, {} bits", ctype.size_bytes() * 8)
}

fn places(places: &[Place]) -> String {
    let texts: Vec<String> = places.iter().map(Place::to_string).collect();
    texts.join(", ")
}

fn enforcer(entry: &Entry) -> String {
    match entry.enforcer {
        Enforcer::Overcommit => "vk-overcommit".into(),
        Enforcer::Hooks(functions) => {
            let quoted: Vec<String> = functions.iter().map(|name| format!("`{name}`")).collect();
            quoted.join(", ")
        }
        _ => unreachable!(),
    }
}

fn order(order: Order) -> &'static str {
    match order {
        Order::None => "-",
        Order::Lower => "lower",
        Order::LowerButZero => "lower, 0 is no limit",
        Order::Higher => "higher",
        _ => unreachable!(),
    }
}

fn exceed(exceed: Exceed) -> String {
    match exceed {
        Exceed::May => "yes".into(),
        why => format!("no: {why}"),
    }
}

fn exactness(exactness: Exactness) -> &'static str {
    match exactness {
        Exactness::Exact => "exact",
        Exactness::Differs(how) => how,
        _ => unreachable!(),
    }
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Machine => "no",
        Scope::PidNamespaceSince612 => "per pid namespace in 7.2, not in 6.12",
        _ => unreachable!(),
    }
}

fn private_text() -> String {
    let mut text = String::from(
        "\n| key | type | range | unit | a write also needs | a write sets to 0 | table |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for entry in TABLE {
        let needs = entry.capability.map_or("-".into(), |it| it.to_string());
        let zeroes = entry.zeroes.map_or("-".into(), |key| format!("`{key}`"));
        let Entry {
            name, unit, table, ..
        } = entry;
        let (ctype, range) = (type_of(entry.ctype), range(entry.ctype));
        writeln!(
            text,
            "| `{name}` | {ctype} | {range} | {unit} | {needs} | {zeroes} | {table} |"
        )
        .unwrap();
    }
    text
}

fn private_effect() -> String {
    let mut text = String::from(
        "\n| key | enforced by | stricter | laxer than the host | exactness | namespaced | read at |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for entry in TABLE {
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} | {} |",
            entry.name,
            enforcer(entry),
            order(entry.order),
            exceed(entry.exceed),
            exactness(entry.exactness),
            scope(entry.scope),
            places(entry.reads),
        )
        .unwrap();
    }
    text
}

fn namespaced() -> String {
    let mut text = String::from(NAMESPACED_HEAD);
    text += "\n| key | type | range | namespace | table |\n|---|---|---|---|---|\n";
    for row in NAMESPACED {
        let (ctype, range) = match row.shape {
            Shape::Number(ctype) => (type_of(ctype), range(ctype)),
            Shape::Numbers { count, ctype } => {
                (format!("{count} of {}", type_of(ctype)), range(ctype))
            }
            Shape::Text { len_max } => (format!("text, {len_max} bytes"), "-".into()),
            _ => ("various".into(), "-".into()),
        };
        let (name, namespace, table) = (row.name, row.namespace, row.table);
        writeln!(
            text,
            "| `{name}` | {ctype} | {range} | {namespace} | {table} |"
        )
        .unwrap();
    }
    text
}

fn unsupported() -> String {
    let mut text = String::from(UNSUPPORTED_HEAD);
    text += "\n| key | reason | shown by |\n|---|---|---|\n";
    for row in UNSUPPORTED {
        writeln!(text, "| `{}` | {} | {} |", row.name, row.reason, row.place).unwrap();
    }
    text
}

#[test]
fn the_document_is_what_the_tables_say() {
    let rendered = [
        HEAD.into(),
        private_text(),
        private_effect(),
        namespaced(),
        unsupported(),
    ]
    .concat();
    if std::env::var_os("VK_RENDER").is_some() {
        std::fs::write(PATH, &rendered).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap();
    assert!(
        committed == rendered,
        "KEYS.md is not what the tables say: VK_RENDER=1 cargo test -p vk-sysctl --test keys"
    );
}

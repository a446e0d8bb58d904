//! What is refused, and in which words.

use crate::tree::{toy, Tree};

fn refuses(tree: &Tree, part: &str) {
    let refusal = tree.refusal();
    assert!(refusal.contains(part), "{refusal}");
}

#[test]
fn refuses_a_build_script_by_name() {
    let tree = Tree::new()
        .download("generated", "1.2.3", "build = \"src/lib.rs\"\n")
        .member("leaf", "[dependencies]\ngenerated = \"1\"\n")
        .member(
            "module",
            &toy("[dependencies]\nleaf = { path = \"../leaf\" }\n"),
        );
    refuses(
        &tree,
        "crate generated 1.2.3 (needed by leaf) has a build script, which Kbuild cannot run",
    );
}

#[test]
fn refuses_a_memoffset_whose_build_script_was_not_read() {
    let tree = Tree::new()
        .download("memoffset", "0.10.0", "build = \"src/lib.rs\"\n")
        .member("module", &toy("[dependencies]\nmemoffset = \"0.10\"\n"));
    refuses(
        &tree,
        "crate memoffset 0.10.0 (needed by module) has a build script",
    );
}

#[test]
fn refuses_a_build_script_of_the_module_itself() {
    let tree = Tree::new().member("module", &format!("build = \"src/lib.rs\"\n{}", toy("")));
    refuses(
        &tree,
        "crate module 0.1.0 (needed by toy) has a build script",
    );
}

#[test]
fn refuses_a_procedural_macro_by_name() {
    let tree = Tree::new()
        .download("derives", "3.0.1", "[lib]\nproc-macro = true\n")
        .member("module", &toy("[dependencies]\nderives = \"3\"\n"));
    refuses(
        &tree,
        "crate derives 3.0.1 (needed by module) is a procedural macro, which Kbuild cannot build",
    );
}

#[test]
fn refuses_two_versions_of_one_crate() {
    let tree = Tree::new()
        .download("bitflags", "1.3.2", "")
        .download("bitflags", "2.13.2", "")
        .member("leaf", "[dependencies]\nbitflags = \"1\"\n")
        .member(
            "module",
            &toy("[dependencies]\nbitflags = \"2\"\nleaf = { path = \"../leaf\" }\n"),
        );
    refuses(
        &tree,
        "bitflags 2.13.2 and bitflags 1.3.2 are both called `bitflags`",
    );
}

#[test]
fn accepts_another_version_that_only_another_member_needs() {
    let tree = Tree::new()
        .download("bitflags", "1.3.2", "")
        .download("bitflags", "2.13.2", "")
        .member("user", "[dependencies]\nbitflags = \"1\"\n")
        .member("module", &toy("[dependencies]\nbitflags = \"2\"\n"));
    assert!(tree.text().contains("# bitflags 2.13.2\n"));
    assert!(!tree.text().contains("1.3.2"));
}

#[test]
fn refuses_a_library_that_cannot_be_linked() {
    let tree = Tree::new()
        .member("leaf", "[lib]\ncrate-type = [\"cdylib\"]\n")
        .member(
            "module",
            &toy("[dependencies]\nleaf = { path = \"../leaf\" }\n"),
        );
    refuses(
        &tree,
        "crate leaf 0.1.0 has no library that a module can be linked with",
    );
}

#[test]
fn refuses_a_package_that_is_no_module() {
    let tree = Tree::new().member("module", "");
    refuses(&tree, "Cargo.toml is not a module: give it the lines\n[package.metadata.kbuild]\nmodule = \"NAME\"");
}

#[test]
fn refuses_a_module_without_a_source() {
    let tree = Tree::new()
        .member("module", &format!("autolib = false\n{}", toy("")))
        .with("module/src/main.rs", "fn main() {}");
    refuses(
        &tree,
        "package module has no library: say which file is the module",
    );
}

#[test]
fn refuses_a_wrong_table() {
    for (line, part) in [
        ("modul = 1", "unknown field `modul`"),
        ("root = \"src/none.rs\"", "src/none.rs does not exist"),
        (
            "root = \"../outside.rs\"",
            "../outside.rs is not a path inside the package",
        ),
        ("c-objects = [\"c/none.c\"]", "c/none.c does not exist"),
        (
            "c-objects = [\"src/lib.rs\"]",
            "src/lib.rs is neither a .c nor a .S file",
        ),
        (
            "c-objects = [\"c/a.c\", \"c/a.S\"]",
            "c/a.S has the object of another file",
        ),
        (
            "c-objects-series = { next = [] }",
            "`next` is not a kernel series like \"7.2\"",
        ),
        (
            "kernel-features = [\"kernel\"]",
            "kernel-features: there is no feature `kernel`",
        ),
    ] {
        let tree = Tree::new()
            .member("module", &toy(line))
            .with("module/c/a.c", "")
            .with("module/c/a.S", "");
        refuses(
            &tree,
            &format!("package module, [package.metadata.kbuild]: {part}"),
        );
    }
}

#[test]
fn refuses_a_module_name_that_make_would_read_otherwise() {
    let tree = Tree::new().member("module", "[package.metadata.kbuild]\nmodule = \"a b\"\n");
    refuses(&tree, "`a b` cannot be the name of a module");
}

#[test]
fn refuses_a_path_that_make_would_read_otherwise() {
    let tree = Tree::new()
        .member("odd place", "")
        .with(
            "odd place/Cargo.toml",
            "[package]\nname = \"leaf\"\nversion = \"0.1.0\"\n",
        )
        .member(
            "module",
            &toy("[dependencies]\nleaf = { path = \"../odd place\" }\n"),
        );
    refuses(&tree, "make cannot handle the path ");
}

#[test]
fn refuses_a_kernel_feature_whose_dependency_was_never_locked() {
    let shims = "[features]\nkernel = [\"dep:leaf\"]\n[package.metadata.kbuild]\nkernel-features = [\"kernel\"]\n\
                 [dependencies]\nleaf = { version = \"1\", optional = true }\n";
    let tree = Tree::new()
        .download("leaf", "1.0.0", "")
        .download("shims", "1.0.0", shims)
        .member("module", &toy("[dependencies]\nshims = \"1\"\n"));
    refuses(
        &tree,
        "a kernel feature of shims needs leaf, which is not in Cargo.lock",
    );
}

#[test]
fn passes_on_what_cargo_says() {
    let tree = Tree::new().member("module", &toy(""));
    tree.lock();
    let tree = tree.member("late", "");
    let error = vk_kbuild::Rules::new(&tree.manifest("module"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`cargo fetch --locked` downloads what is missing"),
        "{error}"
    );
    assert!(error.contains("--locked"), "{error}");
}

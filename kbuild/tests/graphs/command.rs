//! The command: what it writes, prints, checks and says.

use std::fs;
use std::process::{Command, Output};

use crate::tree::{toy, Tree};

fn run(tree: &Tree, arguments: &[&str]) -> Output {
    tree.lock();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vk-kbuild"));
    command.arg("--manifest-path").arg(tree.manifest("module"));
    command.args(arguments).output().unwrap()
}

fn tree() -> Tree {
    Tree::new().member("leaf", "").member(
        "module",
        &toy("[dependencies]\nleaf = { path = \"../leaf\" }\n"),
    )
}

#[test]
fn writes_the_rules_beside_the_manifest() {
    let tree = tree();
    let output = run(&tree, &[]);
    assert!(output.status.success());
    assert!(output.stdout.is_empty());
    let rules = tree.path("ws/module/.vk-kbuild/rules.mk");
    assert_eq!(fs::read_to_string(rules).unwrap(), tree.text());
    // No draft is left behind.
    assert_eq!(
        fs::read_dir(tree.path("ws/module/.vk-kbuild"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn prints_instead_of_writing() {
    let tree = tree();
    let output = run(&tree, &["--print"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), tree.text());
    assert!(!tree.path("ws/module/.vk-kbuild").exists());
}

#[test]
fn checks_without_writing() {
    let tree = tree();
    assert_eq!(run(&tree, &["--check"]).status.code(), Some(1));
    assert!(run(&tree, &[]).status.success());
    assert!(run(&tree, &["--check"]).status.success());

    let tree = tree.with(
        "leaf/Cargo.toml",
        "[package]\nname = \"leaf\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    let output = run(&tree, &["--check"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: vk-kbuild: "), "{said}");
    assert!(
        said.contains("rules.mk is not what Cargo.toml and Cargo.lock say: run vk-kbuild again"),
        "{said}"
    );
}

#[test]
fn writes_for_another_directory() {
    let tree = tree().with("../elsewhere/Kbuild", "");
    let elsewhere = tree.path("elsewhere");
    let output = run(&tree, &["--out", elsewhere.to_str().unwrap()]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(elsewhere.join(".vk-kbuild/rules.mk")).unwrap();
    assert!(text.contains(" $(src)/../ws/leaf/src/lib.rs "));
    assert!(!tree.path("ws/module/.vk-kbuild").exists());
}

#[test]
fn says_what_is_wrong_and_writes_nothing() {
    let tree = Tree::new().member("module", "");
    let output = run(&tree, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)
        .unwrap()
        .starts_with("error: vk-kbuild: "));
    assert!(!tree.path("ws/module/.vk-kbuild").exists());
}

//! Which features and dependencies the module's crates have.

use crate::tree::{features, objects, toy, Tree};

const LEAF: &str = "[features]\ndefault = [\"extra\"]\nextra = []\nother = []\n";

#[test]
fn does_not_see_what_another_member_turns_on() {
    let text = Tree::new()
        .member("leaf", LEAF)
        .member(
            "user",
            "[dependencies]\nleaf = { path = \"../leaf\", features = [\"other\"] }\n",
        )
        .member(
            "module",
            &toy("[dependencies]\nleaf = { path = \"../leaf\", default-features = false }\n"),
        )
        .text();
    assert!(features(&text, "leaf").is_empty());
}

#[test]
fn turns_on_defaults_and_what_they_name() {
    let text = Tree::new()
        .member("leaf", LEAF)
        .member(
            "module",
            &toy("[dependencies]\nleaf = { path = \"../leaf\" }\n"),
        )
        .text();
    assert_eq!(features(&text, "leaf"), ["default", "extra"]);
}

#[test]
fn adds_up_what_several_crates_ask_for() {
    let text = Tree::new()
        .member("leaf", LEAF)
        .member("mid", "[dependencies]\nleaf = { path = \"../leaf\", default-features = false, features = [\"other\"] }\n")
        .member(
            "module",
            &toy("[dependencies]\nmid = { path = \"../mid\" }\nleaf = { path = \"../leaf\", default-features = false }\n"),
        )
        .text();
    assert_eq!(features(&text, "leaf"), ["other"]);
}

#[test]
fn leaves_out_tests_build_scripts_and_other_platforms() {
    let text = Tree::new()
        .member("leaf", LEAF)
        .member("for-tests", "")
        .member("for-windows", "")
        .member(
            "module",
            &toy(
                "[dev-dependencies]\nfor-tests = { path = \"../for-tests\" }\n\
                 leaf = { path = \"../leaf\", features = [\"other\"] }\n\
                 [dependencies]\nleaf = { path = \"../leaf\" }\n\
                 [target.'cfg(windows)'.dependencies]\nfor-windows = { path = \"../for-windows\" }\n",
            ),
        )
        .text();
    assert_eq!(
        objects(&text),
        [".vk-kbuild/module.o", ".vk-kbuild/leaf.o", "$(vk-kbuild-c)"]
    );
    assert_eq!(features(&text, "leaf"), ["default", "extra"]);
}

#[test]
fn links_an_optional_dependency_only_where_it_is_on() {
    let mid = "[features]\nwith = [\"dep:leaf\"]\nmaybe = [\"leaf?/other\"]\n\
               [dependencies]\nleaf = { path = \"../leaf\", optional = true }\n";
    let text = |asked: &str| {
        let asked =
            format!("[dependencies]\nmid = {{ path = \"../mid\", features = [{asked}] }}\n");
        let tree = Tree::new().member("leaf", LEAF).member("mid", mid);
        tree.member("module", &toy(&asked)).text()
    };
    let leaf = ".vk-kbuild/leaf.o".to_owned();
    assert!(!objects(&text("\"maybe\"")).contains(&leaf));
    assert!(objects(&text("\"with\"")).contains(&leaf));
    assert_eq!(features(&text("\"with\""), "leaf"), ["default", "extra"]);
    assert_eq!(
        features(&text("\"with\", \"maybe\""), "leaf"),
        ["default", "extra", "other"]
    );
}

#[test]
fn turns_a_dependency_on_by_its_feature() {
    let mid = "[features]\nwith = [\"leaf/other\"]\n\
               [dependencies]\nleaf = { path = \"../leaf\", optional = true }\n";
    let text = Tree::new()
        .member("leaf", LEAF)
        .member("mid", mid)
        .member(
            "module",
            &toy("[dependencies]\nmid = { path = \"../mid\", features = [\"with\"] }\n"),
        )
        .text();
    assert_eq!(features(&text, "leaf"), ["default", "extra", "other"]);
    assert_eq!(features(&text, "mid"), ["leaf", "with"]);
}

#[test]
fn turns_kernel_features_on() {
    let shims = "[features]\nkernel = [\"leaf/other\"]\n[package.metadata.kbuild]\nkernel-features = [\"kernel\"]\n\
                 [dependencies]\nleaf = { path = \"../leaf\" }\n";
    let text = Tree::new()
        .member("leaf", LEAF)
        .member("shims", shims)
        .member(
            "module",
            &toy("[dependencies]\nshims = { path = \"../shims\" }\n"),
        )
        .text();
    assert_eq!(features(&text, "shims"), ["kernel"]);
    assert_eq!(features(&text, "leaf"), ["default", "extra", "other"]);
}

#[test]
fn finds_a_dependency_that_only_a_kernel_feature_turns_on() {
    let shims = "[features]\nkernel = [\"dep:leaf\"]\n[package.metadata.kbuild]\nkernel-features = [\"kernel\"]\n\
                 [dependencies]\nleaf = { path = \"../leaf\", optional = true }\n";
    let text = Tree::new()
        .member("leaf", LEAF)
        .member("shims", shims)
        .member(
            "module",
            &toy("[dependencies]\nshims = { path = \"../shims\" }\n"),
        )
        .text();
    assert!(objects(&text).contains(&".vk-kbuild/leaf.o".to_owned()));
}

#[test]
fn tells_two_names_of_one_package_apart() {
    let asked = "[dependencies]\nnew = { package = \"bitflags\", version = \"2\" }\n\
                 old = { package = \"bitflags\", version = \"1\", optional = true }\n";
    let text = Tree::new()
        .download("bitflags", "1.3.2", "")
        .download("bitflags", "2.13.2", "")
        .member("module", &toy(asked))
        .text();
    assert!(text.contains("# bitflags 2.13.2\n"));
    assert!(!text.contains("1.3.2"));
}

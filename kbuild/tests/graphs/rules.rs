//! What the rules say about a graph.

use crate::tree::{objects, options, toy, Tree};

#[test]
fn links_every_crate_and_the_root_first() {
    let text = Tree::new()
        .download("bitflags", "2.13.2", "")
        .download("static_assertions", "1.1.0", "edition = \"2015\"\n")
        .member(
            "leaf",
            "[dependencies]\nbitflags = \"2\"\nstatic_assertions = \"1\"\n",
        )
        .member(
            "module",
            &toy("[dependencies]\nleaf = { path = \"../leaf\" }\n"),
        )
        .text();
    let expected = [
        ".vk-kbuild/module.o",
        ".vk-kbuild/bitflags.o",
        ".vk-kbuild/static_assertions.o",
        ".vk-kbuild/leaf.o",
        "$(vk-kbuild-c)",
    ];
    assert_eq!(objects(&text), expected);
    assert!(text.contains("obj-m += toy.o\n"));
}

#[test]
fn compiles_a_crate_after_those_it_names() {
    let text = Tree::new()
        .member("low", "")
        .member("mid", "[dependencies]\nlow = { path = \"../low\" }\n")
        .member(
            "module",
            &toy("[dependencies]\nmid = { path = \"../mid\" }\n"),
        )
        .text();
    assert!(text.contains(
        "$(obj)/.vk-kbuild/mid.o: $(obj)/%.o: $(src)/../mid/src/lib.rs $(obj)/.vk-kbuild/low.o "
    ));
    assert!(
        options(&text, "mid").contains(&"--extern low=$(obj)/.vk-kbuild/liblow.rmeta".to_owned())
    );
    let metadata = "--emit=metadata=$(obj)/.vk-kbuild/libmid.rmeta".to_owned();
    assert!(options(&text, "mid").contains(&metadata));
}

#[test]
fn gives_an_edition_once() {
    let text = Tree::new()
        .member("old", "edition = \"2018\"\n")
        .member("new", "edition = \"2024\"\n")
        .member("same", "")
        .member(
            "module",
            &toy("[dependencies]\nold = { path = \"../old\" }\nnew = { path = \"../new\" }\nsame = { path = \"../same\" }\n"),
        )
        .text();
    for (name, edition) in [("old", "2018"), ("new", "2024")] {
        assert!(
            options(&text, name).contains(&format!("--edition={edition}")),
            "{name}"
        );
        assert!(
            text.contains(&format!(
                "\nRUSTFLAGS_REMOVE_.vk-kbuild/{name}.o := --edition=2021\n"
            )),
            "{name}"
        );
    }
    assert!(!options(&text, "same")
        .iter()
        .any(|option| option.starts_with("--edition")));
    assert!(!text.contains("RUSTFLAGS_REMOVE_.vk-kbuild/same.o"));
}

#[test]
fn knows_what_the_build_script_of_memoffset_sets() {
    let text = Tree::new()
        .download("autocfg", "1.5.0", "")
        .download(
            "memoffset",
            "0.9.1",
            "build = \"src/lib.rs\"\n[build-dependencies]\nautocfg = \"1\"\n",
        )
        .member("module", &toy("[dependencies]\nmemoffset = \"0.9\"\n"))
        .text();
    for cfg in [
        "stable_offset_of",
        "stable_const",
        "raw_ref_macros",
        "maybe_uninit",
        "tuple_ty",
    ] {
        assert!(
            options(&text, "memoffset").contains(&format!("--cfg {cfg}")),
            "{cfg}"
        );
    }
    assert!(!text.contains("autocfg"));
}

#[test]
fn silences_lints_in_downloads_only() {
    let tree = Tree::new()
        .download("bitflags", "2.13.2", "")
        .member("leaf", "")
        .member(
            "module",
            &toy("[dependencies]\nbitflags = \"2\"\nleaf = { path = \"../leaf\" }\n"),
        );
    let text = tree.text();
    let silent = "--cap-lints=allow".to_owned();
    assert!(options(&text, "bitflags").contains(&silent));
    assert!(!options(&text, "leaf").contains(&silent));
    assert!(!options(&text, "module").contains(&silent));
}

#[test]
fn names_own_sources_from_the_module_and_downloads_from_where_they_are() {
    let tree = Tree::new()
        .download("bitflags", "2.13.2", "")
        .member("leaf", "")
        .member(
            "module",
            &toy("[dependencies]\nbitflags = \"2\"\nleaf = { path = \"../leaf\" }\n"),
        );
    let text = tree.text();
    let download = tree.path("ws/downloads/bitflags-2.13.2");
    assert!(text.contains(" $(src)/../leaf/src/lib.rs "));
    assert!(text.contains(&format!(" {}/src/lib.rs ", download.display())));
    let short = format!(
        "--remap-path-prefix={}/=bitflags-2.13.2/",
        download.display()
    );
    assert!(options(&text, "bitflags").contains(&short));
    let leaf = tree.path("ws/leaf");
    assert!(!text.contains(&leaf.display().to_string()));
}

#[test]
fn keeps_the_kernel_crates_from_those_that_do_not_ask() {
    let text = Tree::new()
        .member("leaf", "")
        .member(
            "shims",
            "[features]\nkernel = []\n[package.metadata.kbuild]\nkernel-features = [\"kernel\"]\n\
             [dependencies]\nleaf = { path = \"../leaf\" }\n",
        )
        .member(
            "module",
            &toy("[dependencies]\nshims = { path = \"../shims\" }\n"),
        )
        .text();
    let rule = |name: &str| {
        let at = text.find(&format!("$(obj)/.vk-kbuild/{name}.o: ")).unwrap();
        text[at..].lines().nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(rule("leaf"), "+$(call if_changed_rule,vk_kbuild_rlib)");
    assert_eq!(rule("shims"), "+$(call if_changed_rule,rustc_o_rs)");
    assert_eq!(rule("module"), "+$(call if_changed_rule,rustc_o_rs)");
}

#[test]
fn gives_a_root_of_its_own_the_library_and_its_dependencies() {
    let text = Tree::new()
        .member("leaf", "")
        .member(
            "module",
            &toy("root = \"src/module.rs\"\n[dependencies]\nleaf = { path = \"../leaf\" }\n"),
        )
        .with("module/src/module.rs", "")
        .text();
    assert_eq!(
        objects(&text)[..3],
        [
            ".vk-kbuild/toy_root.o",
            ".vk-kbuild/leaf.o",
            ".vk-kbuild/module.o"
        ]
    );
    let root = options(&text, "toy_root");
    assert!(root.contains(&"--extern leaf=$(obj)/.vk-kbuild/libleaf.rmeta".to_owned()));
    assert!(root.contains(&"--extern module=$(obj)/.vk-kbuild/libmodule.rmeta".to_owned()));
    assert!(text.contains("$(obj)/.vk-kbuild/toy_root.o: $(obj)/%.o: $(src)/src/module.rs "));
}

#[test]
fn follows_a_renamed_dependency() {
    let text = Tree::new()
        .member("a-leaf", "[lib]\nname = \"other\"\n")
        .member(
            "module",
            &toy("[dependencies]\nmy-leaf = { path = \"../a-leaf\", package = \"a-leaf\" }\n"),
        )
        .text();
    assert!(options(&text, "module")
        .contains(&"--extern my_leaf=$(obj)/.vk-kbuild/libother.rmeta".to_owned()));
    assert!(objects(&text).contains(&".vk-kbuild/other.o".to_owned()));
}

#[test]
fn takes_c_files_of_the_features_that_are_on() {
    let shims = |features: &str| {
        let manifest = "[features]\nfast = []\nslow = []\n\
             [package.metadata.kbuild]\nc-objects = [\"c/always.c\"]\n\
             [package.metadata.kbuild.c-objects-feature]\nfast = [\"c/fast.c\"]\nslow = [\"c/slow.c\"]\n\
             [package.metadata.kbuild.c-objects-feature-series.fast]\n\"7.2\" = [\"c/fast_7_2.c\"]\n";
        let needs = format!("[dependencies]\nshims = {{ path = \"../shims\"{features} }}\n");
        Tree::new()
            .member("shims", manifest)
            .with("shims/c/always.c", "")
            .with("shims/c/fast.c", "")
            .with("shims/c/slow.c", "")
            .with("shims/c/fast_7_2.c", "")
            .member("module", &toy(&needs))
            .text()
    };
    let plain = shims("");
    assert!(plain.contains("shims/c/always.o") && !plain.contains("fast"));
    let fast = shims(", features = [\"fast\"]");
    assert!(fast.contains("shims/c/fast.o") && fast.contains("shims/c/fast_7_2.o"));
    assert!(!fast.contains("slow"));
}

#[test]
fn chooses_c_files_by_kernel_series() {
    let text = Tree::new()
        .member(
            "shims",
            "[package.metadata.kbuild]\nc-objects = [\"c/hooks.c\", \"c/stub.S\"]\nc-include = [\"include\"]\n\
             [package.metadata.kbuild.c-objects-series]\n\"6.12\" = [\"c/v6_12.c\"]\n\"7.2\" = [\"c/v7_2.c\"]\n",
        )
        .with("shims/c/hooks.c", "")
        .with("shims/c/stub.S", "")
        .with("shims/c/v6_12.c", "")
        .with("shims/c/v7_2.c", "")
        .with("shims/include/shims.h", "")
        .member("module", &toy("[dependencies]\nshims = { path = \"../shims\" }\n"))
        .text();
    assert!(text.contains("ccflags-y += -I$(src)/../shims/include\n"));
    assert!(text.contains(
        "$(obj)/.vk-kbuild/shims/c/stub.o: $(obj)/%.o: $(src)/../shims/c/stub.S FORCE\n\t$(call if_changed_rule,as_o_S)\n"
    ));
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("no {part} in\n{text}"))
    };
    let order = [
        at("vk-kbuild-c += .vk-kbuild/shims/c/hooks.o .vk-kbuild/shims/c/stub.o\n"),
        at("ifeq ($(VERSION).$(PATCHLEVEL),6.12)\nvk-kbuild-c += .vk-kbuild/shims/c/v6_12.o\n"),
        at("else\nifeq ($(VERSION).$(PATCHLEVEL),7.2)\nvk-kbuild-c += .vk-kbuild/shims/c/v7_2.o\n"),
        at("shims 0.1.0 has C files for the kernel series 6.12 7.2, not for $(VERSION).$(PATCHLEVEL)"),
        at("endif\nendif\n"),
        at("toy-y += "),
    ];
    assert!(order.is_sorted(), "{order:?}");
}

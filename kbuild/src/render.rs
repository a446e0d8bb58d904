//! The rules as text.
//!
//! What is compiled with the kernel's crates goes through the kernel's own rule for Rust
//! (`rustc_o_rs` in scripts/Makefile.build), so its command line is the kernel's. A crate that
//! needs only `core` has a rule of ours, which is the same less those crates and the features
//! they are compiled with. Either way a crate's own options are in the variable Kbuild has for
//! that: `RUSTFLAGS_<object>`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::graph::{CSources, Crate, Graph};
use crate::path;
use crate::rules::DIRECTORY;

/// Returns the rules for `graph`, to be built in `dir`.
pub(crate) fn rules(graph: &Graph, dir: &Path) -> Result<String, Error> {
    let mut page = Page {
        dir,
        text: String::new(),
    };
    page.head(graph)?;
    page.include_paths(graph)?;
    for sources in &graph.c_sources {
        page.c_sources(sources)?;
    }
    page.module(graph);
    for library in &graph.crates {
        page.crate_rule(library, true)?;
    }
    page.crate_rule(&graph.root, false)?;
    Ok(page.text)
}

struct Page<'d> {
    dir: &'d Path,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn head(&mut self, graph: &Graph) -> Result<(), Error> {
        let module = &graph.module;
        let names: Vec<&str> = graph.crates.iter().map(|one| one.name.as_str()).collect();
        let manifests = graph
            .manifests
            .iter()
            .map(|path| path::from_src(self.dir, path));
        let manifests = manifests.collect::<Result<Vec<_>, _>>()?.join(" ");
        self.line(&format!(
            "# Written by vk-kbuild {} for {module}.ko: do not edit.",
            env!("CARGO_PKG_VERSION")
        ));
        self.line("");
        self.line(&format!("vk-kbuild-crates := {}", names.join(" ")));
        self.line(&format!("vk-kbuild-manifests := {manifests}"));
        self.text.push_str(HEAD);
        Ok(())
    }

    fn module(&mut self, graph: &Graph) {
        let module = &graph.module;
        let crates = [&graph.root].into_iter().chain(&graph.crates);
        let objects: Vec<String> = crates.map(|one| object(&one.name)).collect();
        let _ = write!(
            self.text,
            "\nifdef VK_C_ONLY\n\
             ccflags-y += -DMODULE\n\
             always-y += $(vk-kbuild-c)\n\
             else\n\
             obj-m += {module}.o\n\
             {module}-y += {} $(vk-kbuild-c)\n\
             endif\n",
            objects.join(" ")
        );
    }

    fn include_paths(&mut self, graph: &Graph) -> Result<(), Error> {
        for sources in &graph.c_sources {
            for include in &sources.include {
                let path = self.path(&sources.dir.join(include), sources.is_local)?;
                self.line(&format!("ccflags-y += -I{path}"));
                self.line(&format!("asflags-y += -I{path}"));
            }
        }
        Ok(())
    }

    fn c_sources(&mut self, sources: &CSources) -> Result<(), Error> {
        self.line(&format!("\n# C of {} {}", sources.package, sources.version));
        self.line(&format!("clean-files += {DIRECTORY}/{}", sources.name));
        if !sources.always.is_empty() {
            self.c_objects(sources, &sources.always)?;
        }
        if sources.by_series.is_empty() {
            return Ok(());
        }
        let known: Vec<String> = sources.by_series.keys().map(ToString::to_string).collect();
        for (series, files) in &sources.by_series {
            self.line(&format!("ifeq ($(VERSION).$(PATCHLEVEL),{series})"));
            self.c_objects(sources, files)?;
            self.line("else");
        }
        self.line(&format!(
            "$(if $(vk-kbuild-builds),$(error vk-kbuild: {} {} has C files for the kernel series {}, not for \
             $(VERSION).$(PATCHLEVEL)))",
            sources.package,
            sources.version,
            known.join(" ")
        ));
        for _ in &known {
            self.line("endif");
        }
        Ok(())
    }

    fn c_objects(&mut self, sources: &CSources, files: &[PathBuf]) -> Result<(), Error> {
        let stem =
            |file: &Path| sources.name.clone() + "/" + &file.with_extension("").to_string_lossy();
        let objects: Vec<String> = files.iter().map(|file| object(&stem(file))).collect();
        self.line(&format!("vk-kbuild-c += {}", objects.join(" ")));
        for (file, object) in files.iter().zip(&objects) {
            let source = self.path(&sources.dir.join(file), sources.is_local)?;
            let rule = if file.extension().is_some_and(|extension| extension == "S") {
                "as_o_S"
            } else {
                "cc_o_c"
            };
            self.line(&format!("$(obj)/{object}: $(obj)/%.o: {source} FORCE"));
            self.line(&format!("\t$(call if_changed_rule,{rule})"));
        }
        Ok(())
    }

    /// Writes the rule of one crate; `is_named` if others name it, so that they need its metadata.
    fn crate_rule(&mut self, one: &Crate, is_named: bool) -> Result<(), Error> {
        let object = object(&one.name);
        let metadata = metadata(&one.name);
        let source = self.path(&one.source, one.is_local)?;
        let rule = if one.uses_kernel {
            "rustc_o_rs"
        } else {
            "vk_kbuild_rlib"
        };

        self.line(&format!("\n# {} {}", one.package, one.version));
        if one.edition != KERNEL_EDITION {
            // rustc takes `--edition` once.
            self.line(&format!(
                "RUSTFLAGS_REMOVE_{object} := --edition={KERNEL_EDITION}"
            ));
        }
        self.line(&format!(
            "RUSTFLAGS_{object} := {}",
            self.options(one, is_named)?.join(" \\\n\t")
        ));

        let needs = one
            .externs
            .values()
            .map(|name| format!(" $(obj)/{}", self::object(name)));
        let needs: String = needs.collect();
        let lost = if is_named {
            format!(" $(call vk-kbuild-lost,{metadata})")
        } else {
            String::new()
        };
        self.line(&format!(
            "$(obj)/{object}: $(obj)/%.o: {source}{needs}{lost} FORCE"
        ));
        self.line(&format!("\t+$(call if_changed_rule,{rule})"));
        if is_named {
            self.line(&format!("{metadata}: ;"));
        }
        Ok(())
    }

    /// Returns what a crate's command line has besides the kernel's.
    fn options(&self, one: &Crate, is_named: bool) -> Result<Vec<String>, Error> {
        let mut options = vec![format!("--crate-name {} --cfg kernel", one.name)];
        if one.edition != KERNEL_EDITION {
            options.push(format!("--edition={}", one.edition));
        }
        if one.uses_kernel {
            // The kernel's rule says `no_std`, and the source may say it too.
            options.push("-Aunused_attributes".to_owned());
        }
        options.extend(
            one.features
                .iter()
                .map(|feature| format!("--cfg 'feature=\"{feature}\"'")),
        );
        options.extend(one.cfgs.iter().map(|cfg| format!("--cfg {cfg}")));
        if !one.is_local {
            let dir = path::plain(&one.dir)?;
            options.push("--cap-lints=allow".to_owned());
            options.push(format!(
                "--remap-path-prefix={dir}/={}-{}/",
                one.package, one.version
            ));
        }
        if !one.externs.is_empty() {
            options.push(format!("-L dependency=$(obj)/{DIRECTORY}"));
        }
        let externs = one.externs.iter();
        options.extend(
            externs.map(|(name, library)| format!("--extern {name}={}", metadata(library))),
        );
        if is_named {
            options.push(format!("--emit=metadata={}", metadata(&one.name)));
        }
        Ok(options)
    }

    /// Returns how the rules name a file of a package: a download stays where cargo put it.
    fn path(&self, path: &Path, is_local: bool) -> Result<String, Error> {
        if is_local {
            return path::from_src(self.dir, path);
        }
        path::plain(path).map(str::to_owned)
    }
}

/// The edition in the kernel's own flags.
const KERNEL_EDITION: &str = "2021";

/// Returns an object's name as Kbuild lists it.
fn object(stem: &str) -> String {
    format!("{DIRECTORY}/{stem}.o")
}

/// Returns the file of a crate that rustc reads for those who name it.
fn metadata(name: &str) -> String {
    format!("$(obj)/{DIRECTORY}/lib{name}.rmeta")
}

/// What does not depend on the graph.
const HEAD: &str = include_str!("head.mk");

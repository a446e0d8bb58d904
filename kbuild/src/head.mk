
# Kbuild reads this file to build, and also for modpost and to clean.
vk-kbuild-builds := $(if $(filter __modpost __clean,$(PHONY)),,y)

ifdef vk-kbuild-builds
ifndef VK_C_ONLY
ifndef CONFIG_RUST
$(error vk-kbuild: this kernel is configured without Rust (CONFIG_RUST))
endif
ifeq ($(wildcard $(objtree)/rust/libkernel.rmeta),)
$(error vk-kbuild: $(objtree) has no Rust metadata (rust/libkernel.rmeta), as is usual for header packages: build against a source tree after `make prepare modules_prepare`)
endif
$(foreach name,$(vk-kbuild-crates),\
	$(if $(wildcard $(objtree)/rust/lib$(name).rmeta $(objtree)/rust/lib$(name).so),\
		$(error vk-kbuild: crate $(name) has the name of one of the kernel's own)))
endif
vk-kbuild-newer := $(shell find $(vk-kbuild-manifests) -newer $(src)/.vk-kbuild/rules.mk 2>/dev/null)
$(if $(vk-kbuild-newer),\
	$(warning vk-kbuild: $(vk-kbuild-newer) changed since the rules were written: run vk-kbuild again))
endif

clean-files += .vk-kbuild/*.rmeta
vk-kbuild-c :=

# A crate that needs only core: compiled as the kernel's rust_common_cmd does, less the kernel's
# own crates and features. The metadata is another output of the same command.
quiet_cmd_vk_kbuild_rlib = $(RUSTC_OR_CLIPPY_QUIET) $(quiet_modtag) $@
      cmd_vk_kbuild_rlib = $(RUSTC_OR_CLIPPY) $(rust_flags) -Zunstable-options -Zallow-features= \
	--crate-type rlib -L $(objtree)/rust/ --sysroot=/dev/null \
	--out-dir $(dir $@) --emit=dep-info=$(depfile) --emit=obj=$@ $< $(cmd_objtool)
define rule_vk_kbuild_rlib
	$(call cmd_and_fixdep,vk_kbuild_rlib)
	$(call cmd,gen_objtooldep)
endef

# A metadata file that is gone is a reason to compile its crate again.
vk-kbuild-lost = $(filter-out $(wildcard $1),$1)

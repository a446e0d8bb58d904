# Synonyms of `cargo xtask NAME`. The one thing done here is what must come before cargo: its age.

XTASK = $(cargo_is_new_enough) && cargo xtask

# A POSIX sh condition: true if cargo is there and no older than the workspace says.
cargo_is_new_enough = { \
	want=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml); \
	have=$$(cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p'); \
	if [ -z "$$have" ]; then \
		echo "error: no cargo; install it: https://rustup.rs" >&2; exit 1; \
	fi; \
	if [ "$${have%%.*}" -lt "$${want%%.*}" ] || { [ "$${have%%.*}" -eq "$${want%%.*}" ] && \
		[ "$${have\#*.}" -lt "$${want\#*.}" ]; }; then \
		echo "error: cargo $$have is older than $$want; run: rustup update stable" >&2; exit 1; \
	fi; }

.PHONY: help setup demo test check bench module kdir shell install uninstall clean

help:
	@echo 'make demo       the main job: containers with opposite memory policies, in a guest'
	@echo 'make test       everything that must hold; AREA=thp runs one area'
	@echo 'make check      the part of it that needs no kernel and no root'
	@echo 'make bench      what a hooked call costs, in instructions; BENCH="getpid fork-exit" runs some'
	@echo 'make module     build vkernel.ko; KDIR=/path builds it for that kernel'
	@echo 'make kdir       a KDIR with Rust metadata for a stock kernel; KERNEL=release chooses one'
	@echo 'make shell      a prompt in the guest with the module loaded'
	@echo 'make setup      prepare the lab and nothing else'
	@echo 'make install    the module for the running kernel, and vkctl; make uninstall undoes it'
	@echo 'make clean      remove what builds left; cargo xtask lab clean removes the cache'
	@echo 'All are synonyms of cargo xtask NAME; cargo xtask help lists the rest.'

setup demo check shell install uninstall clean:
	@$(XTASK) $@

test:
	@$(XTASK) test $(if $(AREA),--area $(AREA))

bench:
	@$(XTASK) bench $(BENCH)

module:
	@$(XTASK) module $(if $(KDIR),--kdir $(KDIR))

kdir:
	@$(XTASK) kdir $(if $(KERNEL),--kernel $(KERNEL))

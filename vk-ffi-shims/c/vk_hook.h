/* SPDX-License-Identifier: GPL-2.0-only */
/* What the series file tells the hook engine: symbols, sites and stubs. */
#ifndef VK_HOOK_H
#define VK_HOOK_H

#include <linux/ftrace.h>
#include <linux/static_call.h>
#include "vk_shims.h"

#define VK_ENTRY_BYTES 16
/* How many arguments a hooked function may take. */
#define VK_ARGUMENTS 10

/* A function or an object of the kernel that is not exported. */
struct vk_symbol {
	const char *name;
	unsigned long address;
	unsigned long end;		/* where the next symbol is */
	unsigned int matches;		/* how many symbols have exactly this name */
	const char *sibling;		/* the suffix of a sibling that changes the ABI, or NULL */
	char sibling_text[24];
	unsigned int feature;		/* enum vk_feature that cannot work without it */
};

/*
 * One place of the kernel that is diverted.
 *
 * @original and @host are static calls: the kernel patches their trampolines (and the jumps to
 * them inside the stubs) into direct jumps, so nothing of ours ever jumps through a pointer to an
 * address whose ENDBR may be sealed.
 */
struct vk_hook {
	const char *symbol;
	/* Finds it by its name; no name if @find does. */
	struct vk_symbol by_name;
	unsigned int feature;
	unsigned int kind;
	unsigned int subject;
	void *stub;
	void *trampoline;		/* VK_TRAMPOLINE_BYTES of text for back end P */
	/* Where the host is led while it is asked too, or NULL. */
	void *asked;
	struct static_call_key *original;
	void *original_trampoline;
	struct static_call_key *host;
	void *host_trampoline;
	/* For functions whose name is not unique: finds the address in data. */
	unsigned long (*find)(void);
	/* In which field of a structure, as "structure.field", or NULL: BTF has its prototype. */
	const char *held;
	/* The line's prototype: the types of the arguments, and all as they cross (VK_CODE). */
	const char *takes;
	unsigned int arguments;
	unsigned char codes[VK_ARGUMENTS + 1];

	unsigned int id;		/* its place in the table */
	char why[64];			/* what Rust found wrong with it */
	unsigned long function;
	unsigned long site;		/* the ftrace nop */
	unsigned char planned_bytes[VK_ENTRY_BYTES];
	unsigned int state;
	const char *refusal;
	unsigned int backend;		/* enum vk_backend that has it armed */
	unsigned int next;		/* enum vk_backend that will arm it */
	unsigned int choice;		/* enum vk_choice */
	struct ftrace_ops ops;
	atomic_t sleepers;
	bool was_bypassed;		/* when it was last looked at */
};

/* The hooks in the order of their lines: vk_hooks.h. */
extern struct vk_hook *const vk_hook_table[];
extern struct vk_hook *const vk_hook_table_end[];
#define VK_HOOKS ((unsigned int)(vk_hook_table_end - vk_hook_table))
#define vk_each_hook(h, id)						\
	for (id = 0; id < VK_HOOKS && (h = vk_hook_table[id], true); id++)

/* The symbols that sites and the series file want; each list ends with a NULL name. */
extern struct vk_symbol vk_site_symbols[];
extern struct vk_symbol vk_symbols[];
/* The structures whose fields C fetches, as "struct NAME"; ends with NULL. */
extern const char *const vk_structs[];
/* Called once all symbols are looked up: they fill static calls. */
void vk_site_bind(void);
void vk_series_bind(void);
extern const char *vk_feature_refusal[VK_FEATURES];

/*
 * How many snapshots with a policy there are, by tree: a namespace right below the initial one,
 * with all that are below it. The stubs send nobody of a tree without a mark to a handler.
 */
#define VK_TREE_BITS 10
extern atomic_t vk_tree_marks[1 << VK_TREE_BITS];

/*
 * By enum vk_parameter, for the stubs: what no value in force is stricter than, a container's or the
 * host's while that is wide. Limits: nobody is refused who would come to no more; vm.mmap_min_addr: who
 * asks for no less.
 */
extern unsigned long long vk_edges[VK_PARAMETERS];
/* Whether somebody's values can concern a new pipe. */
extern bool vk_pipes_are_judged;
/* How many mappings one call asks for at the most: c/limit.c. */
#define VK_MAPS_MORE 5

/* The ftrace nop of a function, or 0. */
unsigned long vk_function_site(unsigned long function);
/* Why ftrace of this series cannot divert a function, or NULL. */
const char *vk_site_refusal(void);
/* Where a direct jump or call from the site leads that is registered, whoever did, or 0. */
unsigned long vk_site_direct(unsigned long site);
/* Whether a live patch has the function. Process context. */
bool vk_function_is_patched(unsigned long function);
/* Writes the jump from the site to the stub, and takes it back. Process context. */
int vk_site_divert(struct vk_hook *h);
int vk_site_restore(struct vk_hook *h);

/* Whether an armed hook's site leads to its stub. Process context. */
bool vk_hook_verify(const struct vk_hook *h);

/* Resolves all of vk_symbols, once. Process context, callers serialised. */
int vk_symbols_resolve(void);
int vk_symbols_look_up(void);
struct vk_symbol *vk_symbol(const char *name);
/* The addresses of all symbols with this name; how many there are. Process context. */
unsigned int vk_symbol_addresses(const char *name, unsigned long *addresses, unsigned int room);

/*
 * As vk_flight_enter() and vk_flight_leave(), without being named to who waits: for originals that
 * sleep for memory alone.
 */
static __always_inline void vk_flight_begin(struct vk_hook *h)
{
	atomic_inc(&h->sleepers);
	/* Orders the count before whatever it sleeps on; pairs with vk_hooks_drain(). */
	smp_mb__after_atomic();
}

static __always_inline void vk_flight_end(struct vk_hook *h)
{
	smp_mb__before_atomic();
	atomic_dec(&h->sleepers);
}

/* Ends what vk_inline_refusal() began, once no inline hook is in. */
void vk_inline_exit(void);

/*
 * Has the host asked like a container, or not any more: by the hooks of a feature that can. -ENODEV
 * unless all of them are armed. Process context.
 */
int vk_hooks_ask_host(unsigned int feature, bool asked);

#endif

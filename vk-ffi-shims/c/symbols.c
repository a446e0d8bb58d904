// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds kernel symbols that are not exported.
 *
 * kallsyms_lookup_name() itself is reached by a kprobe on its name, once. It is then called
 * through a static call, which the kernel patches into a direct call: its ENDBR may be sealed,
 * so an indirect call would raise #CP on a CPU with IBT.
 */
#include <linux/bitmap.h>
#include <linux/jhash.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/string.h>
#include "vk_hook.h"

DEFINE_STATIC_CALL_NULL(vk_kallsyms_each, *(int (*)(int (*)(void *, const char *, unsigned long),
						    void *))NULL);
DEFINE_STATIC_CALL_NULL(vk_kallsyms_each_match, *(int (*)(int (*)(void *, unsigned long),
							  const char *, void *))NULL);
DEFINE_STATIC_CALL_NULL(vk_kallsyms_lookup, *(unsigned long (*)(const char *))NULL);

/* Returns the address of a function by registering a kprobe on it, or 0. */
static unsigned long vk_symbol_by_kprobe(const char *name)
{
	/*
	 * Never armed: at a function's entry a probe would go through ftrace, which leaves the
	 * site in disorder if kernel.ftrace_enabled is 0 meanwhile.
	 */
	struct kprobe probe = { .symbol_name = name, .flags = KPROBE_FLAG_DISABLED };
	unsigned long address;

	if (register_kprobe(&probe))
		return 0;
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);

	/*
	 * arch_adjust_kprobe_addr() moves the probe behind ENDBR, or behind its poison. The
	 * function is at most 4 bytes lower; functions start on 16.
	 */
	return address & ~15UL;
}

/*
 * Whether a sibling NAME.SUFFIX means that NAME is not the whole function: clones of it have
 * callers of their own and may have another ABI. Other suffixes are harmless: .cold is a part
 * that only the function itself jumps to, and clang names a function's static variables so.
 */
static bool vk_suffix_matters(const char *suffix)
{
	return str_has_prefix(suffix, ".isra") || str_has_prefix(suffix, ".constprop") ||
	       str_has_prefix(suffix, ".part");
}

static void vk_symbol_compare(struct vk_symbol *s, const char *name, size_t len, const char *dot,
			      unsigned long address)
{
	if (strncmp(s->name, name, len) || s->name[len])
		return;
	if (!dot) {
		s->matches++;
		s->address = address;
	} else if (vk_suffix_matters(dot) && !s->sibling) {
		strscpy(s->sibling_text, dot, sizeof(s->sibling_text));
		s->sibling = s->sibling_text;
	}
}

/* Which names are looked for, by their hashes: a kernel has 1,000 times as many. */
#define VK_NAME_BITS 4096
static DECLARE_BITMAP(vk_names, VK_NAME_BITS);

static unsigned int vk_name_bit(const char *name, size_t len)
{
	return jhash(name, len, 0) % VK_NAME_BITS;
}

static void vk_symbol_want(struct vk_symbol *s)
{
	s->matches = 0;
	__set_bit(vk_name_bit(s->name, strlen(s->name)), vk_names);
}

/* The symbol found last: it ends where the next address begins. */
static struct vk_symbol *vk_symbol_last;

static int vk_symbol_seen(void *unused, const char *name, unsigned long address)
{
	const char *dot = strchr(name, '.');
	size_t len = dot ? dot - name : strlen(name);
	struct vk_symbol *s;
	struct vk_hook *h;
	unsigned int id;

	if (vk_symbol_last && vk_symbol_last->address != address) {
		vk_symbol_last->end = address;
		vk_symbol_last = NULL;
	}
	if (!test_bit(vk_name_bit(name, len), vk_names))
		return 0;
	for (s = vk_site_symbols; s->name; s++)
		vk_symbol_compare(s, name, len, dot, address);
	for (s = vk_symbols; s->name; s++) {
		vk_symbol_compare(s, name, len, dot, address);
		if (s->address == address && address)
			vk_symbol_last = s;
	}
	vk_each_hook(h, id)
		if (h->by_name.name)
			vk_symbol_compare(&h->by_name, name, len, dot, address);
	return 0;
}

/* Looks all names up in one pass over the kernel's symbol table, once it is reached. */
int vk_symbols_look_up(void)
{
	struct vk_symbol *s;
	struct vk_hook *h;
	unsigned int id;

	for (s = vk_site_symbols; s->name; s++)
		vk_symbol_want(s);
	for (s = vk_symbols; s->name; s++)
		vk_symbol_want(s);
	vk_each_hook(h, id)
		if (h->by_name.name)
			vk_symbol_want(&h->by_name);
	return static_call(vk_kallsyms_each)(vk_symbol_seen, NULL);
}

struct vk_addresses {
	unsigned long *addresses;
	unsigned int room;
	unsigned int found;
};

static int vk_address_seen(void *data, unsigned long address)
{
	struct vk_addresses *seen = data;

	if (seen->found < seen->room)
		seen->addresses[seen->found] = address;
	seen->found++;
	return 0;
}

unsigned int vk_symbol_addresses(const char *name, unsigned long *addresses, unsigned int room)
{
	struct vk_addresses seen = { addresses, room };

	static_call(vk_kallsyms_each_match)(vk_address_seen, name, &seen);
	return seen.found;
}

/* Reaches the kernel's symbol table and looks up vk_symbols and the hooks. */
int vk_symbols_resolve(void)
{
	static bool done;
	unsigned long lookup, each, each_match;

	if (done)
		return 0;
	lookup = vk_symbol_by_kprobe("kallsyms_lookup_name");
	if (!lookup)
		return -ENOENT;
	static_call_update(vk_kallsyms_lookup, (void *)lookup);
	each = static_call(vk_kallsyms_lookup)("kallsyms_on_each_symbol");
	each_match = static_call(vk_kallsyms_lookup)("kallsyms_on_each_match_symbol");
	if (!each || !each_match)
		return -ENOENT;
	static_call_update(vk_kallsyms_each, (void *)each);
	static_call_update(vk_kallsyms_each_match, (void *)each_match);
	done = true;
	return vk_symbols_look_up();
}

static struct vk_symbol *vk_symbol_in(struct vk_symbol *s, const char *name)
{
	for (; s->name; s++)
		if (!strcmp(s->name, name))
			return s->matches == 1 && !s->sibling ? s : NULL;
	return NULL;
}

/* Returns the symbol if exactly one has this name and no sibling changes its ABI, or NULL. */
struct vk_symbol *vk_symbol(const char *name)
{
	return vk_symbol_in(vk_site_symbols, name) ?: vk_symbol_in(vk_symbols, name);
}

/* A module with no hooks of vkernel's has no series file: what it would say. */
__weak struct vk_symbol vk_symbols[] = { { } };
__weak const char *const vk_structs[] = { NULL };
__weak void vk_series_bind(void)
{
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbol resolution on names of the test's choice: vk_symbols, of which this module has its own
 * copy, names something else for a while.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include "vk_hook.h"
#include "vk_kunit.h"

/* Names that are tried before we believe that the kernel has none. */
#define VK_CANDIDATES 16
#define VK_NAME_LEN 64

DECLARE_STATIC_CALL(vk_kallsyms_each, *(int (*)(int (*)(void *, const char *, unsigned long),
						void *))NULL);

unsigned int vk_kunit_symbol(const char *name, unsigned long *address)
{
	struct vk_symbol one = vk_symbols[0], two = vk_symbols[1];
	unsigned int matches = ~0U;

	*address = 0;
	vk_symbols[0] = (struct vk_symbol){ .name = name };
	vk_symbols[1] = (struct vk_symbol){ };
	if (!vk_symbols_look_up()) {
		struct vk_symbol *taken = vk_symbol(name);

		matches = vk_symbols[0].matches;
		*address = taken ? taken->address : 0;
	}
	vk_symbols[0] = one;
	vk_symbols[1] = two;
	return matches;
}

struct vk_candidates {
	const char *suffix;
	unsigned int count;
	char names[VK_CANDIDATES][VK_NAME_LEN];
	struct vk_symbol kept[VK_CANDIDATES + 1];
};

static int vk_candidate_seen(void *p, const char *name, unsigned long address)
{
	struct vk_candidates *found = p;
	const char *dot = strchr(name, '.');

	if (!dot || dot == name || dot - name >= VK_NAME_LEN ||
	    strncmp(dot, found->suffix, strlen(found->suffix)))
		return 0;
	strscpy(found->names[found->count], name, dot - name + 1);
	return ++found->count == VK_CANDIDATES;
}

/* Looks all candidates up in one pass, and takes the first that one symbol is called. */
static const char *vk_candidate_alone(struct vk_candidates *found)
{
	const char *name = NULL;
	unsigned int i;

	memcpy(found->kept, vk_symbols, (found->count + 1) * sizeof(*found->kept));
	for (i = 0; i < found->count; i++)
		vk_symbols[i] = (struct vk_symbol){ .name = found->names[i] };
	vk_symbols[i] = (struct vk_symbol){ };
	if (!vk_symbols_look_up())
		while (i--)
			name = vk_symbols[i].matches == 1 ? found->names[i] : name;
	memcpy(vk_symbols, found->kept, (found->count + 1) * sizeof(*found->kept));
	return name;
}

bool vk_kunit_symbol_with(const char *suffix, char *name, unsigned int room)
{
	struct vk_candidates *found = kzalloc(sizeof(*found), GFP_KERNEL);
	const char *alone;

	if (!found)
		return false;
	found->suffix = suffix;
	static_call(vk_kallsyms_each)(vk_candidate_seen, found);
	alone = vk_candidate_alone(found);
	if (alone)
		strscpy(name, alone, room);
	kfree(found);
	return alone;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which back end a hook goes in by, and whether another hook of this kind has the function.
 */
#include <linux/ftrace.h>
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/ibt.h>
#include <asm/text-patching.h>
#include "vk_hook.h"

static const char *const vk_choices[] = {
	[VK_CHOICE_AUTO] = "auto",
	[VK_CHOICE_FTRACE] = "ftrace",
	[VK_CHOICE_PREFER] = "inline",
};

/* Not auto: nobody gets an inline hook, not proven on hardware yet, without asking for one. */
static unsigned int vk_choice = VK_CHOICE_FTRACE;

static int vk_choice_set(const char *word, const struct kernel_param *unused)
{
	int choice = sysfs_match_string(vk_choices, word);

	if (choice < 0)
		return choice;
	vk_choice = choice;
	return 0;
}

static int vk_choice_get(char *out, const struct kernel_param *unused)
{
	return sysfs_emit(out, "%s\n", vk_choices[vk_choice]);
}

static const struct kernel_param_ops vk_choice_ops = {
	.set = vk_choice_set,
	.get = vk_choice_get,
};

module_param_cb(backend, &vk_choice_ops, NULL, 0444);
MODULE_PARM_DESC(backend, "how hooks go in: ftrace; inline, and ftrace where that cannot be; auto: ftrace, and inline where a BPF program has the function");

unsigned int vk_hooks_choice(void)
{
	return vk_choice;
}

unsigned int vk_hook_choice(unsigned int id)
{
	return vk_hook_table[id]->choice;
}

int vk_hook_choose(unsigned int id, unsigned int choice)
{
	struct vk_hook *h = vk_hook_table[id];

	if (h->choice == choice)
		return 0;
	if (h->state == VK_STATE_ARMED || h->state == VK_STATE_DRAINING)
		return -EBUSY;
	h->choice = choice;
	return 0;
}

/*
 * A livepatch leaves in front of an inline hook, and an open gate would be left without the
 * host's own answer.
 */
bool vk_hook_may_be_inline(unsigned int id)
{
	return vk_hook_table[id]->kind != VK_KIND_SHADOW;
}

unsigned int vk_hook_backend(unsigned int id)
{
	return vk_hook_table[id]->backend;
}

unsigned int vk_hook_next(unsigned int id)
{
	return vk_hook_table[id]->next;
}

void vk_hook_decide(unsigned int id, unsigned int backend)
{
	vk_hook_table[id]->next = backend;
}

bool vk_hook_is_shared(unsigned int id)
{
	return vk_hook_table[id]->site && vk_site_direct(vk_hook_table[id]->site);
}

bool vk_hook_is_patched(unsigned int id)
{
	return vk_function_is_patched(vk_hook_table[id]->function);
}

/* Whether @to is a stub of another module; its name is written then. */
static bool vk_is_rival(unsigned long to, char *name)
{
	if (!to || within_module(to, THIS_MODULE))
		return false;
	sprint_symbol_no_offset(name, to);
	return str_has_prefix(name, "vk_stub_");
}

/* Where the jump at @from leads, or 0 if none is there. */
static unsigned long vk_jump_target(unsigned long from)
{
	unsigned char insn[JMP32_INSN_SIZE];
	s32 distance;

	if (copy_from_kernel_nofault(insn, (void *)from, sizeof(insn)) ||
	    insn[0] != JMP32_INSN_OPCODE)
		return 0;
	memcpy(&distance, insn + 1, sizeof(distance));
	return from + sizeof(insn) + distance;
}

const char *vk_hook_rival(unsigned int id)
{
	static char name[KSYM_SYMBOL_LEN];
	const struct vk_hook *h = vk_hook_table[id];

	if (h->site) {
		if (vk_is_rival(vk_site_direct(h->site), name) ||
		    vk_is_rival(vk_jump_target(h->site + MCOUNT_INSN_SIZE), name))
			return name;
		return "";
	}
	/* With or without ENDBR. */
	if (vk_is_rival(vk_jump_target(h->function), name) ||
	    vk_is_rival(vk_jump_target(h->function + ENDBR_INSN_SIZE), name))
		return name;
	return "";
}

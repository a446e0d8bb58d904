// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks that are armed and do not decide: somebody took their place at the function.
 *
 * Nobody is told of that. So each armed hook is looked at when a module has been loaded (a live
 * patch is one), and every few seconds while hooks are in.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <asm/ibt.h>
#include <asm/text-patching.h>
#include "vk_hook.h"

static unsigned long vk_bypass_period;

/* A module that looks at none does not say what to do then. */
__weak void vk_handler_bypass(void)
{
}

static void vk_bypass_run(struct work_struct *work)
{
	vk_handler_bypass();
	mod_delayed_work(system_dfl_wq, to_delayed_work(work), vk_bypass_period);
}

/* An idle processor is not woken for it. */
static DECLARE_DEFERRABLE_WORK(vk_bypass_work, vk_bypass_run);

static int vk_bypass_loaded(struct notifier_block *block, unsigned long state, void *module)
{
	/* A live patch is enabled by now: that is done when its module begins. And off when it goes. */
	if (state == MODULE_STATE_LIVE || state == MODULE_STATE_GOING)
		mod_delayed_work(system_dfl_wq, &vk_bypass_work, 0);
	return NOTIFY_DONE;
}

static struct notifier_block vk_bypass_block = { .notifier_call = vk_bypass_loaded };

int vk_bypass_watch(unsigned int period_ms)
{
	int err;

	if (vk_bypass_period)
		return 0;
	err = register_module_notifier(&vk_bypass_block);
	if (err)
		return err;
	vk_bypass_period = max(msecs_to_jiffies(period_ms), 1UL);
	mod_delayed_work(system_dfl_wq, &vk_bypass_work, vk_bypass_period);
	return 0;
}

void vk_bypass_unwatch(void)
{
	if (!vk_bypass_period)
		return;
	unregister_module_notifier(&vk_bypass_block);
	cancel_delayed_work_sync(&vk_bypass_work);
	vk_bypass_period = 0;
}

/* The jump of back end P at @at, or a kprobe's breakpoint on it. */
static bool vk_is_jump_of(const struct vk_hook *h, unsigned long at)
{
	unsigned char insn[JMP32_INSN_SIZE];
	s32 distance;

	if (copy_from_kernel_nofault(insn, (void *)at, sizeof(insn)))
		return false;
	memcpy(&distance, insn + 1, sizeof(distance));
	return insn[0] == INT3_INSN_OPCODE ||
	       (insn[0] == JMP32_INSN_OPCODE &&
		at + sizeof(insn) + distance == (unsigned long)h->stub);
}

/* Where back end P writes it: behind the nop, or with none behind ENDBR or at the beginning. */
static bool vk_jump_is_there(const struct vk_hook *h)
{
	if (h->site)
		return vk_is_jump_of(h, h->site + MCOUNT_INSN_SIZE);
	return vk_is_jump_of(h, h->function) || vk_is_jump_of(h, h->function + ENDBR_INSN_SIZE);
}

/* Whose result BPF may modify: check_attach_modify_return() of kernel/bpf/verifier.c. */
static bool vk_may_be_answered_by_bpf(const struct vk_hook *h)
{
	return str_has_prefix(h->symbol, "security_") || str_has_prefix(h->symbol, "__x64_") ||
	       str_has_prefix(h->symbol, "__ia32_");
}

const char *vk_hook_bypass(unsigned int id)
{
	const struct vk_hook *h = vk_hook_table[id];

	if (h->state != VK_STATE_ARMED)
		return "";
	if (h->backend == VK_BACKEND_FTRACE)
		return vk_hook_verify(h) ? "" : "its site was overwritten";
	if (!vk_jump_is_there(h))
		return "its jump was overwritten";
	if (vk_function_is_patched(h->function))
		return "a live patch leaves the function in front of the jump";
	if (h->site && vk_site_direct(h->site) && vk_may_be_answered_by_bpf(h))
		return "a BPF program in front of the jump may answer";
	return "";
}

bool vk_hook_was_bypassed(unsigned int id, bool is_bypassed)
{
	return xchg(&vk_hook_table[id]->was_bypassed, is_bypassed);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks at a word of the kernel's data with a debug register, and unwinds the stack as a live patch
 * would from whatever reads it between two addresses. No probe may stand in a trampoline; this needs
 * none there.
 */
#include <linux/hw_breakpoint.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <asm/unwind.h>

static ulong data;
module_param(data, ulong, 0444);
MODULE_PARM_DESC(data, "the word");

static ulong from, to;
module_param(from, ulong, 0444);
MODULE_PARM_DESC(from, "the first address of code that counts");
module_param(to, ulong, 0444);
MODULE_PARM_DESC(to, "the first behind it");

static ulong hits;
module_param(hits, ulong, 0444);
MODULE_PARM_DESC(hits, "how often it was read from there, about");

static uint frames;
module_param(frames, uint, 0444);
MODULE_PARM_DESC(frames, "how many frames were found beyond the last of them");

static bool is_certain;
module_param(is_certain, bool, 0444);
MODULE_PARM_DESC(is_certain, "whether the unwinder vouched for them");

/* More than there are. */
#define VK_FRAMES 64

/* Like an NMI: no lock, nothing that sleeps. */
static void vk_watch_hit(struct perf_event *event, struct perf_sample_data *sample,
			 struct pt_regs *regs)
{
	struct unwind_state state;
	unsigned int n = 0;

	if (user_mode(regs) || regs->ip < from || regs->ip >= to)
		return;
	for (unwind_start(&state, current, regs, NULL); !unwind_done(&state) && n < VK_FRAMES;
	     unwind_next_frame(&state))
		n++;
	frames = n;
	is_certain = !unwind_error(&state);
	hits++;
}

static struct perf_event * __percpu *vk_watch;

static int __init vk_watch_init(void)
{
	struct perf_event_attr attr;

	hw_breakpoint_init(&attr);
	attr.bp_addr = data;
	attr.bp_len = HW_BREAKPOINT_LEN_8;
	attr.bp_type = HW_BREAKPOINT_RW;
	vk_watch = register_wide_hw_breakpoint(&attr, vk_watch_hit, NULL);
	return PTR_ERR_OR_ZERO((void __force *)vk_watch);
}

static void __exit vk_watch_exit(void)
{
	unregister_wide_hw_breakpoint(vk_watch);
}

module_init(vk_watch_init);
module_exit(vk_watch_exit);
MODULE_DESCRIPTION("Unwinds from where a word is read");
MODULE_LICENSE("GPL");

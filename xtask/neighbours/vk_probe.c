// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kprobe as other modules set them: on any function, at any offset, with a post_handler or
 * without. One with a post_handler makes ftrace treat the function as diverted (IPMODIFY).
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static char *symbol;
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "the function");

static unsigned int offset;
module_param(offset, uint, 0444);
MODULE_PARM_DESC(offset, "where in the function");

static bool post;
module_param(post, bool, 0444);
MODULE_PARM_DESC(post, "with a post_handler");

static ulong hits;
module_param(hits, ulong, 0444);
MODULE_PARM_DESC(hits, "how often it was hit, about");

static int vk_probe_pre(struct kprobe *p, struct pt_regs *regs)
{
	hits++;
	return 0;
}

static void vk_probe_post(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe vk_probe = { .pre_handler = vk_probe_pre };

static int __init vk_probe_init(void)
{
	vk_probe.symbol_name = symbol;
	vk_probe.offset = offset;
	if (post)
		vk_probe.post_handler = vk_probe_post;
	return register_kprobe(&vk_probe);
}

static void __exit vk_probe_exit(void)
{
	unregister_kprobe(&vk_probe);
}

module_init(vk_probe_init);
module_exit(vk_probe_exit);
MODULE_DESCRIPTION("A kprobe beside a hook");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A live patch of vm_commit_limit(), mm/util.c, whose answer /proc/meminfo shows as CommitLimit (any
 * context, it only computes), or of cmdline_proc_show(), fs/proc/cmdline.c, which nobody hooks.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static ulong limit_pages;
module_param(limit_pages, ulong, 0444);
MODULE_PARM_DESC(limit_pages, "what vm_commit_limit() answers; 0: /proc/cmdline is patched instead");

static unsigned long vk_livepatch_commit_limit(void)
{
	return limit_pages;
}

static int vk_livepatch_cmdline(struct seq_file *m, void *v)
{
	seq_puts(m, "patched\n");
	return 0;
}

static struct klp_func vk_livepatch_funcs[] = {
	{ },
	{ }
};

static struct klp_object vk_livepatch_objects[] = {
	/* Without a name: the kernel itself. */
	{ .funcs = vk_livepatch_funcs },
	{ }
};

static struct klp_patch vk_livepatch = {
	.mod = THIS_MODULE,
	.objs = vk_livepatch_objects,
};

static int __init vk_livepatch_init(void)
{
	if (limit_pages) {
		vk_livepatch_funcs[0].old_name = "vm_commit_limit";
		vk_livepatch_funcs[0].new_func = vk_livepatch_commit_limit;
	} else {
		vk_livepatch_funcs[0].old_name = "cmdline_proc_show";
		vk_livepatch_funcs[0].new_func = vk_livepatch_cmdline;
	}
	return klp_enable_patch(&vk_livepatch);
}

/* Only called when the patch is disabled and no task runs it any more. */
static void __exit vk_livepatch_exit(void)
{
}

module_init(vk_livepatch_init);
module_exit(vk_livepatch_exit);
MODULE_DESCRIPTION("A live patch beside a hook");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");

// SPDX-License-Identifier: GPL-2.0-only
/* A live patch of security_vkbench() of vk_bench.ko: what our hook answers, without a filter. */
#include <linux/livepatch.h>
#include <linux/module.h>

static int vk_benchpatch_answer(int value)
{
	return ~value;
}

static struct klp_func vk_benchpatch_funcs[] = {
	{ .old_name = "security_vkbench", .new_func = vk_benchpatch_answer },
	{ }
};

static struct klp_object vk_benchpatch_objects[] = {
	{ .name = "vk_bench", .funcs = vk_benchpatch_funcs },
	{ }
};

static struct klp_patch vk_benchpatch = {
	.mod = THIS_MODULE,
	.objs = vk_benchpatch_objects,
};

static int __init vk_benchpatch_init(void)
{
	return klp_enable_patch(&vk_benchpatch);
}

/* Only called when the patch is disabled and no task runs it any more. */
static void __exit vk_benchpatch_exit(void)
{
}

module_init(vk_benchpatch_init);
module_exit(vk_benchpatch_exit);
MODULE_DESCRIPTION("A live patch to be measured");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");

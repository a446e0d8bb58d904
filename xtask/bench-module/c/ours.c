// SPDX-License-Identifier: GPL-2.0-only
/* Our hook: the stub, the filter and the static calls that the module's hooks are made of. */
#include <linux/ftrace.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include "vk_stub.h"
#include "vk_bench.h"

int vk_handler_vkbench(int value);

DEFINE_STATIC_CALL_NULL(vk_host_vkbench, vk_handler_vkbench);

VK_STUB_OFFSETS
VK_STUB_REPLACE(vkbench, CURRENT);

/* src/inline.rs */
int vk_bench_inline_put(unsigned long function, unsigned long stub, unsigned long trampoline);

static struct ftrace_ops vk_bench_ours;

static unsigned long vk_bench_stub(void)
{
	return ftrace_jmp_set((unsigned long)vk_stub_vkbench);
}

int vk_bench_ours_put(void)
{
	unsigned long function = vk_bench_entry();
	int err;

	static_call_update(vk_host_vkbench, (void *)(function + VK_BENCH_BODY));
	err = ftrace_set_filter_ip(&vk_bench_ours, function + VK_BENCH_NOP, 0, 1);
	if (err)
		return err;
	vk_bench_ours.flags |= FTRACE_OPS_FL_PERMANENT;
	return register_ftrace_direct(&vk_bench_ours, vk_bench_stub());
}

int vk_bench_ours_take(void)
{
	return unregister_ftrace_direct(&vk_bench_ours, vk_bench_stub(), true);
}

int vk_bench_ours_inline_put(void)
{
	/* As Trampoline::direct() of vk-hook: static calls are direct. */
	static_call_update(vk_host_vkbench, (void *)(vk_trampoline_vkbench + VK_BENCH_ENDBR));
	return vk_bench_inline_put(vk_bench_entry(), (unsigned long)vk_stub_vkbench,
				   (unsigned long)vk_trampoline_vkbench);
}

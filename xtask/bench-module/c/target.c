// SPDX-License-Identifier: GPL-2.0-only
/* The function that is measured, in a file of its own: nobody who calls it knows what is in it. */
#include <linux/compiler.h>
#include <linux/limits.h>
#include "vk_bench.h"

/* noipa: no copy of it with other arguments, and no caller that knows which registers it leaves alone. */
__attribute__((noipa)) int security_vkbench(int value)
{
	u32 mixed = value + 0x9e3779b9;

	mixed ^= mixed << 13;
	mixed ^= mixed >> 17;
	mixed ^= mixed << 5;
	return mixed & INT_MAX;
}

/* objtool would take what lies behind the entry for the target of a pointer. */
__attribute__((noipa)) unsigned long vk_bench_entry(void)
{
	return (unsigned long)security_vkbench;
}

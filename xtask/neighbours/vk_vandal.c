// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody who keeps to no rule: overwrites what ftrace wrote at the entry of a function with a nop,
 * and puts it back when it goes. The functions of the kernel that it takes are not exported, and are
 * called through pointers: only for the lab, on a machine without IBT.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <asm/nops.h>
#include <asm/text-patching.h>

static char *symbol;
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "the function");

static unsigned long (*vk_lookup)(const char *name);
static void (*vk_poke)(void *addr, const void *opcode, size_t len, const void *emulate);
static struct mutex *vk_text_mutex;
static void *vk_site;
static u8 vk_before[5];

/* A kprobe knows the address; behind ENDBR, or what is left of it. */
static unsigned long vk_vandal_find(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	unsigned long address;

	if (register_kprobe(&probe))
		return 0;
	address = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return address;
}

static void vk_vandal_write(const u8 *bytes)
{
	mutex_lock(vk_text_mutex);
	vk_poke(vk_site, bytes, sizeof(vk_before), NULL);
	mutex_unlock(vk_text_mutex);
}

static int __init vk_vandal_init(void)
{
	static const u8 nop[] = { BYTES_NOP5 };

	vk_lookup = (void *)vk_vandal_find("kallsyms_lookup_name");
	if (!vk_lookup)
		return -ENOENT;
	vk_poke = (void *)vk_lookup("smp_text_poke_single");
	vk_text_mutex = (void *)vk_lookup("text_mutex");
	vk_site = (void *)vk_vandal_find(symbol);
	if (!vk_poke || !vk_text_mutex || !vk_site)
		return -ENOENT;
	memcpy(vk_before, vk_site, sizeof(vk_before));
	if (vk_before[0] != 0xe9)
		return -EINVAL;
	vk_vandal_write(nop);
	return 0;
}

static void __exit vk_vandal_exit(void)
{
	vk_vandal_write(vk_before);
}

module_init(vk_vandal_init);
module_exit(vk_vandal_exit);
MODULE_DESCRIPTION("Overwrites a hook");
MODULE_LICENSE("GPL");

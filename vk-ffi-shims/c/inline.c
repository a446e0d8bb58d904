// SPDX-License-Identifier: GPL-2.0-only
/*
 * Back end P: jumps of our own in the kernel's text, behind ENDBR and the ftrace nop.
 *
 * The order in which bytes are written is that of vk_hook::Detour; here is what it needs from the
 * kernel. Everything is found by name (c/series_*.c) and called through static calls.
 *
 * Lock order: control mutex, kprobe_mutex, cpus_read_lock(), jump_label_lock(), text_mutex.
 * kprobe_mutex comes first as in the kernel's own code. With it held no probe is being
 * registered: between its look at the text and its place in the table of probes one would be
 * invisible, and would later write back what it found.
 */
#include <linux/bug.h>
#include <linux/cpu.h>
#include <linux/debugfs.h>
#include <linux/extable.h>
#include <linux/fault-inject.h>
#include <linux/kallsyms.h>
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/extable.h>
#include <asm/sync_core.h>
#include <asm/text-patching.h>
#include "vk_series.h"

static_assert(VK_TRAMPOLINE_BYTES % 16 == 0);

static struct mutex *vk_kprobe_mutex, *vk_text_mutex;
DEFINE_STATIC_CALL_NULL(vk_poke, *(void *(*)(void *, const void *, size_t))NULL);
DEFINE_STATIC_CALL_NULL(vk_jump_label_lock, *(void (*)(void))NULL);
DEFINE_STATIC_CALL_NULL(vk_jump_label_unlock, *(void (*)(void))NULL);
DEFINE_STATIC_CALL_NULL(vk_of_ftrace, *(int (*)(const void *, const void *))NULL);
DEFINE_STATIC_CALL_NULL(vk_of_jump_label, *(int (*)(void *, void *))NULL);
DEFINE_STATIC_CALL_NULL(vk_of_static_call, *(int (*)(void *, void *))NULL);
DEFINE_STATIC_CALL_NULL(vk_of_alternatives, *(int (*)(void *, void *))NULL);
DEFINE_STATIC_CALL_NULL(vk_in_kprobe_blacklist, *(bool (*)(unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_get_kprobe, *(struct kprobe *(*)(void *))NULL);
DEFINE_STATIC_CALL_NULL(vk_find_bug, *(struct bug_entry *(*)(unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_find_fixup, *(const struct exception_table_entry *(*)(unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_in_core_text, *(int (*)(unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_function_size, *(int (*)(unsigned long, unsigned long *, unsigned long *))NULL);

/* Steps that fail on demand, where the kernel can inject faults: /sys/kernel/debug/fail_vk_text. */
static DECLARE_FAULT_ATTR(vk_fail_text);
static struct dentry *vk_fail_dir;

/* ---- Breakpoints that are met while a jump goes in or out ---- */

/* One hook goes in or out at a time; those that could do neither stay. */
#define VK_CATCHES 16

/*
 * Read in any context without a lock: @to is written before @site, and an entry is emptied only
 * when no processor can be in the handler for it any more.
 */
static struct {
	unsigned long site;
	unsigned long to;
} vk_caught[VK_CATCHES];

static notrace int vk_int3(struct notifier_block *block, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	unsigned long site;
	int i;

	if (event != DIE_INT3 || user_mode(regs))
		return NOTIFY_DONE;
	site = instruction_pointer(regs) - INT3_INSN_SIZE;
	for (i = 0; i < VK_CATCHES; i++) {
		/* Pairs with vk_text_catch(): who sees the site sees where it leads. */
		if (smp_load_acquire(&vk_caught[i].site) != site)
			continue;
		instruction_pointer_set(regs, READ_ONCE(vk_caught[i].to));
		return NOTIFY_STOP;
	}
	return NOTIFY_DONE;
}
NOKPROBE_SYMBOL(vk_int3);

static struct notifier_block vk_int3_block = {
	.notifier_call = vk_int3,
	.priority = INT_MAX,
};

int vk_text_catch(unsigned long site, unsigned long to)
{
	int i, empty = -1;

	if (should_fail(&vk_fail_text, 1))
		return -EIO;
	for (i = 0; i < VK_CATCHES; i++) {
		if (vk_caught[i].site == site)
			return vk_caught[i].to == to ? 0 : -EBUSY;
		if (!vk_caught[i].site && empty < 0)
			empty = i;
	}
	if (empty < 0)
		return -ENOSPC;
	WRITE_ONCE(vk_caught[empty].to, to);
	smp_store_release(&vk_caught[empty].site, site);
	return 0;
}

void vk_text_release(unsigned long site)
{
	int i;

	for (i = 0; i < VK_CATCHES; i++)
		if (vk_caught[i].site == site)
			WRITE_ONCE(vk_caught[i].site, 0);
}

/* ---- What is needed, once ---- */

static const char *const vk_inline_symbols[] = {
	"kprobe_mutex", "text_mutex", "text_poke", "jump_label_lock", "jump_label_unlock",
	"ftrace_text_reserved", "jump_label_text_reserved", "static_call_text_reserved",
	"alternatives_text_reserved", "within_kprobe_blacklist", "get_kprobe", "find_bug",
	"search_exception_tables", "core_kernel_text", "kallsyms_lookup_size_offset",
};

static void vk_inline_bind(void)
{
	VK_BIND(vk_kprobe_mutex, "kprobe_mutex");
	VK_BIND(vk_text_mutex, "text_mutex");
	VK_BIND_CALL(vk_poke, "text_poke");
	VK_BIND_CALL(vk_jump_label_lock, "jump_label_lock");
	VK_BIND_CALL(vk_jump_label_unlock, "jump_label_unlock");
	VK_BIND_CALL(vk_of_ftrace, "ftrace_text_reserved");
	VK_BIND_CALL(vk_of_jump_label, "jump_label_text_reserved");
	VK_BIND_CALL(vk_of_static_call, "static_call_text_reserved");
	VK_BIND_CALL(vk_of_alternatives, "alternatives_text_reserved");
	VK_BIND_CALL(vk_in_kprobe_blacklist, "within_kprobe_blacklist");
	VK_BIND_CALL(vk_get_kprobe, "get_kprobe");
	VK_BIND_CALL(vk_find_bug, "find_bug");
	VK_BIND_CALL(vk_find_fixup, "search_exception_tables");
	VK_BIND_CALL(vk_in_core_text, "core_kernel_text");
	VK_BIND_CALL(vk_function_size, "kallsyms_lookup_size_offset");
}

const char *vk_inline_refusal(void)
{
	static bool is_ready;
	int i;

	if (is_ready)
		return "";
	/* Parts of a function beside NAME.cold: numbered by gcc 8, of any number by Propeller. */
	if (IS_ENABLED(CONFIG_PROPELLER_CLANG) ||
	    (IS_ENABLED(CONFIG_CC_IS_GCC) && CONFIG_GCC_VERSION < 90000))
		return "names for all parts of its functions";
	for (i = 0; i < ARRAY_SIZE(vk_inline_symbols); i++)
		if (!vk_symbol(vk_inline_symbols[i]))
			return vk_inline_symbols[i];
	vk_inline_bind();
	if (register_die_notifier(&vk_int3_block))
		return "register_die_notifier";
	if (IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS))
		vk_fail_dir = fault_create_debugfs_attr("fail_vk_text", NULL, &vk_fail_text);
	is_ready = true;
	return "";
}

void vk_inline_exit(void)
{
	/* Neither minds if it was never registered. */
	unregister_die_notifier(&vk_int3_block);
	debugfs_remove(vk_fail_dir);
}

/* ---- Text ---- */

void vk_text_lock(void)
{
	mutex_lock(vk_kprobe_mutex);
	cpus_read_lock();
	static_call(vk_jump_label_lock)();
	mutex_lock(vk_text_mutex);
}

void vk_text_unlock(void)
{
	mutex_unlock(vk_text_mutex);
	static_call(vk_jump_label_unlock)();
	cpus_read_unlock();
	mutex_unlock(vk_kprobe_mutex);
}

int vk_text_read(unsigned long at, unsigned char *out, unsigned int len)
{
	if (should_fail(&vk_fail_text, 1))
		return -EIO;
	return copy_from_kernel_nofault(out, (void *)at, len);
}

int vk_text_write(unsigned long at, const unsigned char *bytes, unsigned int len)
{
	if (should_fail(&vk_fail_text, 1))
		return -EIO;
	static_call(vk_poke)((void *)at, bytes, len);
	return 0;
}

static void vk_sync_core(void *unused)
{
	sync_core();
}

void vk_text_sync(void)
{
	/* A breakpoint's handler runs with interrupts off: who takes this has left it. */
	on_each_cpu(vk_sync_core, NULL, 1);
}

bool vk_text_is_probed(unsigned long start, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		if (static_call(vk_get_kprobe)((void *)(start + i)))
			return true;
	return false;
}

/* ---- Facts about text ---- */

/* Whether a jump or a call of the kernel leads out of it: nobody but a hook writes that. */
static bool vk_leads_away(unsigned long start, unsigned int len)
{
	unsigned char insn[JMP32_INSN_SIZE];
	s32 distance;

	if (len != sizeof(insn) || copy_from_kernel_nofault(insn, (void *)start, sizeof(insn)))
		return false;
	if (insn[0] != JMP32_INSN_OPCODE && insn[0] != CALL_INSN_OPCODE)
		return false;
	memcpy(&distance, insn + 1, sizeof(distance));
	return static_call(vk_in_core_text)(start) &&
	       !static_call(vk_in_core_text)(start + sizeof(insn) + distance);
}

unsigned int vk_text_owner(unsigned long start, unsigned int len)
{
	void *first = (void *)start, *last = (void *)(start + len - 1);

	if (static_call(vk_of_ftrace)(first, last))
		return VK_OWNER_FTRACE;
	if (static_call(vk_of_jump_label)(first, last))
		return VK_OWNER_JUMP_LABEL;
	if (static_call(vk_of_static_call)(first, last))
		return VK_OWNER_STATIC_CALL;
	/* Its end is the first byte behind. */
	if (static_call(vk_of_alternatives)(first, last + 1))
		return VK_OWNER_ALTERNATIVE;
	if (vk_text_is_probed(start, len) || static_call(vk_in_kprobe_blacklist)(start))
		return VK_OWNER_KPROBE;
	if (static_call(vk_find_bug)(start))
		return VK_OWNER_BUG;
	if (vk_leads_away(start, len))
		return VK_OWNER_HOOK;
	return VK_OWNER_NONE;
}

unsigned long vk_text_fixup(unsigned long insn)
{
	const struct exception_table_entry *entry = static_call(vk_find_fixup)(insn);

	/* ex_fixup_addr() of arch/x86/mm/extable.c. */
	return entry ? (unsigned long)&entry->fixup + entry->fixup : 0;
}

bool vk_text_has_jump_tables(void)
{
	/* arch/x86/Makefile passes -fno-jump-tables for either. */
	return !IS_ENABLED(CONFIG_X86_KERNEL_IBT) && !IS_ENABLED(CONFIG_MITIGATION_RETPOLINE);
}

unsigned long vk_function_len(unsigned long function)
{
	unsigned long len = 0, offset = 0;

	if (!static_call(vk_function_size)(function, &len, &offset) || offset)
		return 0;
	return len;
}

unsigned int vk_hook_parts(unsigned int id, unsigned long *parts, unsigned int room)
{
	char name[KSYM_NAME_LEN];

	snprintf(name, sizeof(name), "%s.cold", vk_hook_table[id]->symbol);
	return vk_symbol_addresses(name, parts, room);
}

/* ---- One hook ---- */

unsigned long vk_hook_stub(unsigned int id)
{
	return (unsigned long)vk_hook_table[id]->stub;
}

unsigned long vk_hook_trampoline(unsigned int id)
{
	return (unsigned long)vk_hook_table[id]->trampoline;
}

void vk_hook_enter(unsigned int id, unsigned int state)
{
	vk_hook_table[id]->state = state;
	vk_hook_table[id]->backend = VK_BACKEND_INLINE;
}

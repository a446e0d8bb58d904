// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways to be called when a function is, each with a handler that does nothing. One is on at a
 * time. BPF programs and live patches come from outside.
 */
#include <linux/delay.h>
#include <linux/fprobe.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/objtool.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include "vk_bench.h"

/* ---- Kprobes ---- */

static int vk_bench_pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}
NOKPROBE_SYMBOL(vk_bench_pre);

static struct kprobe vk_bench_probe;

static int vk_bench_probe_put(unsigned int offset)
{
	vk_bench_probe = (struct kprobe) {
		.addr = (void *)(vk_bench_entry() + offset),
		.pre_handler = vk_bench_pre,
	};
	return register_kprobe(&vk_bench_probe);
}

static int vk_bench_probe_take(void)
{
	unregister_kprobe(&vk_bench_probe);
	return 0;
}

/* What the text says: the probe's own flags are those of an aggregate that is out of reach. */
static bool vk_bench_probe_is_jump(void)
{
	return *(u8 *)READ_ONCE(vk_bench_probe.addr) == 0xe9;
}

/* The optimizer comes within some jiffies, and then waits for RCU-tasks. */
static bool vk_bench_probe_is_optimized(void)
{
	unsigned int i;

	for (i = 0; i < 100 && !vk_bench_probe_is_jump(); i++)
		msleep(100);
	return vk_bench_probe_is_jump();
}

static int vk_bench_ftrace_probe_put(void)
{
	int err = vk_bench_probe_put(VK_BENCH_NOP);

	if (err)
		return err;
	if (kprobe_ftrace(&vk_bench_probe))
		return 0;
	vk_bench_probe_take();
	return -EILSEQ;
}

/* With debug.kprobes-optimization at 0. */
static int vk_bench_int3_put(void)
{
	int err = vk_bench_probe_put(VK_BENCH_BODY);

	if (err)
		return err;
	msleep(1000);
	if (!vk_bench_probe_is_jump())
		return 0;
	vk_bench_probe_take();
	return -EEXIST;
}

static int vk_bench_optimized_put(void)
{
	int err = vk_bench_probe_put(VK_BENCH_BODY);

	if (err)
		return err;
	if (vk_bench_probe_is_optimized())
		return 0;
	vk_bench_probe_take();
	return -EOPNOTSUPP;
}

/* ---- ftrace ---- */

static void notrace vk_bench_traced(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *regs)
{
}

static struct ftrace_ops vk_bench_ops;

static int vk_bench_ops_put(unsigned long flags)
{
	int err;

	memset(&vk_bench_ops, 0, sizeof(vk_bench_ops));
	vk_bench_ops.func = vk_bench_traced;
	vk_bench_ops.flags = flags;
	err = ftrace_set_filter_ip(&vk_bench_ops, vk_bench_entry() + VK_BENCH_NOP, 0, 1);
	return err ?: register_ftrace_function(&vk_bench_ops);
}

static int vk_bench_ops_take(void)
{
	int err = unregister_ftrace_function(&vk_bench_ops);

	ftrace_free_filter(&vk_bench_ops);
	return err;
}

static int vk_bench_ftrace_put(void)
{
	return vk_bench_ops_put(0);
}

static int vk_bench_ftrace_regs_put(void)
{
	return vk_bench_ops_put(FTRACE_OPS_FL_SAVE_REGS);
}

static int vk_bench_entered(struct fprobe *fp, unsigned long ip, unsigned long ret_ip,
			    struct ftrace_regs *regs, void *data)
{
	return 0;
}

static struct fprobe vk_bench_fprobe;

static int vk_bench_fprobe_put(void)
{
	unsigned long ip = vk_bench_entry() + VK_BENCH_NOP;

	vk_bench_fprobe = (struct fprobe) { .entry_handler = vk_bench_entered };
	return register_fprobe_ips(&vk_bench_fprobe, &ip, 1);
}

static int vk_bench_fprobe_take(void)
{
	return unregister_fprobe(&vk_bench_fprobe);
}

/* ---- ftrace's direct trampolines, as samples/ftrace/ftrace-direct.c shows them ---- */

void vk_bench_direct(int value);
extern const char vk_bench_called[], vk_bench_jumped[];

DEFINE_STATIC_CALL_NULL(vk_bench_body, vk_bench_direct);

void notrace vk_bench_direct(int value)
{
	barrier();
}

#define VK_BENCH_TRAMPOLINE(name, way_out)				\
	asm (".pushsection .text, \"ax\"\n\t"				\
	     ".p2align 4\n\t"						\
	     ".globl " #name "\n\t"					\
	     ".type " #name ", @function\n"				\
	     #name ":\n\t"						\
	     ASM_ENDBR							\
	     "pushq %rbp\n\t"						\
	     "movq %rsp, %rbp\n\t"					\
	     "pushq %rdi\n\t"						\
	     "call vk_bench_direct\n\t"					\
	     "popq %rdi\n\t"						\
	     "leave\n\t"						\
	     way_out							\
	     ".size " #name ", . - " #name "\n\t"			\
	     ".popsection")

VK_BENCH_TRAMPOLINE(vk_bench_called, ASM_RET);
VK_BENCH_TRAMPOLINE(vk_bench_jumped, "jmp " STATIC_CALL_TRAMP_STR(vk_bench_body) "\n\t");

static unsigned long vk_bench_direct_to;

static int vk_bench_direct_put(unsigned long to)
{
	int err;

	memset(&vk_bench_ops, 0, sizeof(vk_bench_ops));
	err = ftrace_set_filter_ip(&vk_bench_ops, vk_bench_entry() + VK_BENCH_NOP, 0, 1);
	vk_bench_direct_to = to;
	return err ?: register_ftrace_direct(&vk_bench_ops, to);
}

static int vk_bench_direct_call_put(void)
{
	return vk_bench_direct_put((unsigned long)vk_bench_called);
}

static int vk_bench_direct_jump_put(void)
{
	static_call_update(vk_bench_body, (void *)(vk_bench_entry() + VK_BENCH_BODY));
	return vk_bench_direct_put(ftrace_jmp_set((unsigned long)vk_bench_jumped));
}

static int vk_bench_direct_take(void)
{
	return unregister_ftrace_direct(&vk_bench_ops, vk_bench_direct_to, true);
}

/* ---- The table ---- */

struct vk_bench_way {
	const char *name;
	int (*put)(void);
	int (*take)(void);
};

static const struct vk_bench_way vk_bench_ways[] = {
	{ "plain" },
	{ "ours-ftrace", vk_bench_ours_put, vk_bench_ours_take },
	{ "ours-inline", vk_bench_ours_inline_put, vk_bench_inline_take },
	{ "kprobe-int3", vk_bench_int3_put, vk_bench_probe_take },
	{ "kprobe-optimized", vk_bench_optimized_put, vk_bench_probe_take },
	{ "kprobe-ftrace", vk_bench_ftrace_probe_put, vk_bench_probe_take },
	{ "ftrace", vk_bench_ftrace_put, vk_bench_ops_take },
	{ "ftrace-regs", vk_bench_ftrace_regs_put, vk_bench_ops_take },
	{ "fprobe", vk_bench_fprobe_put, vk_bench_fprobe_take },
	{ "direct-call", vk_bench_direct_call_put, vk_bench_direct_take },
	{ "direct-jump", vk_bench_direct_jump_put, vk_bench_direct_take },
};

static const struct vk_bench_way *vk_bench_on = &vk_bench_ways[0];

int vk_bench_way(const char *name)
{
	const struct vk_bench_way *way = NULL;
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(vk_bench_ways); i++)
		if (!strcmp(vk_bench_ways[i].name, name))
			way = &vk_bench_ways[i];
	if (!way)
		return -EINVAL;
	if (vk_bench_on->take)
		err = vk_bench_on->take();
	if (err)
		return err;
	vk_bench_on = &vk_bench_ways[0];
	if (way->put)
		err = way->put();
	if (!err)
		vk_bench_on = way;
	return err;
}

const char *vk_bench_refusal(void)
{
	static const unsigned char nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	u32 first = *(u32 *)vk_bench_entry();

	if (first != gen_endbr() && first != gen_endbr_poison())
		return "security_vkbench() has no ENDBR";
	if (memcmp((void *)(vk_bench_entry() + VK_BENCH_NOP), nop, sizeof(nop)))
		return "security_vkbench() has no nop of ftrace behind ENDBR";
	return NULL;
}

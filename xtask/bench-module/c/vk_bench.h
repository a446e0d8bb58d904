/* SPDX-License-Identifier: GPL-2.0-only */
/* One function, and every way to divert it. */
#ifndef VK_BENCH_H
#define VK_BENCH_H

#include <linux/types.h>

/* ---- target.c ---- */

/*
 * Some 16 instructions; never negative. Its name lets BPF modify what it returns. Any context.
 * An entry as the kernel's own: ENDBR, ftrace's nop, instructions that a jump can displace.
 */
int security_vkbench(int value);
unsigned long vk_bench_entry(void);

/* ENDBR and ftrace's nop, one behind the other. */
#define VK_BENCH_NOP 4
#define VK_BENCH_BODY 9
/* The ENDBR at the head of a trampoline. */
#define VK_BENCH_ENDBR 4

/* ---- ours.c ---- */

/* Puts our hook in, back end F. Process context; 0 or a negative errno. */
int vk_bench_ours_put(void);
int vk_bench_ours_take(void);
/* The same by back end P. */
int vk_bench_ours_inline_put(void);
int vk_bench_inline_take(void);

/* ---- ways.c ---- */

/* Puts one way on, after the last was taken off; "plain" is none. Process context, serialised. */
int vk_bench_way(const char *name);
/* Why the function cannot be measured, or NULL. */
const char *vk_bench_refusal(void);

/* ---- meter.c: called by the module's root ---- */

int vk_bench_open(void);
void vk_bench_close(void);

#endif

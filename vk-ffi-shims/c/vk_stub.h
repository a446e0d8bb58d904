/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry stubs: where a diverted function's callers arrive.
 *
 * At its first instruction the registers and the stack are those of the function's own first
 * instruction: arguments in rdi.., the return address on the stack. rax, r10, r11 and the flags
 * are free. (When a tracer shares the site, ftrace_regs_caller restores all but r11.)
 *
 * A stub leaves by a direct jump: to vk_handler_NAME, a function with the prototype of the
 * original, or to the static call vk_host_NAME, which the kernel patches into a jump to the
 * instruction behind the ftrace nop (PASS) or to a shadow function (SHADOW, gate open).
 *
 * The filters may send a stranger to the handler, never one of ours past it.
 */
#ifndef VK_STUB_H
#define VK_STUB_H

#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/mman.h>
#include <linux/mm_types.h>
#include <linux/linkage.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/objtool.h>
#include <linux/static_call.h>
#include <linux/stringify.h>
#include <asm/linkage.h>
#include <asm/percpu.h>
#include <uapi/linux/shm.h>
#include "vk_hook.h"

/*
 * Offsets as assembler symbols: a function's asm may have operands, an asm outside may not.
 * Put once into the file that defines stubs.
 */
#define VK_STUB_OFFSET(symbol, value) asm volatile (".set " #symbol ", %c0" :: "i" (value))
#define VK_STUB_OFFSETS							\
	static void __used vk_stub_offsets(void)			\
	{								\
		VK_STUB_OFFSET(vk_task_pid, offsetof(struct task_struct, thread_pid));	\
		VK_STUB_OFFSET(vk_task_mm, offsetof(struct task_struct, mm));		\
		VK_STUB_OFFSET(vk_mm_maps, offsetof(struct mm_struct, map_count));	\
		VK_STUB_OFFSET(vk_task_flags, offsetof(struct task_struct, flags));	\
		VK_STUB_OFFSET(vk_kthread, PF_KTHREAD);					\
		VK_STUB_OFFSET(vk_pid_level, offsetof(struct pid, level));		\
		VK_STUB_OFFSET(vk_vma_mm, offsetof(struct vm_area_struct, vm_mm));	\
		VK_STUB_OFFSET(vk_vmf_vma, offsetof(struct vm_fault, vma));		\
		VK_STUB_OFFSET(vk_ns_level_at, offsetof(struct pid_namespace, level));	\
		VK_STUB_OFFSET(vk_pid_tree, offsetof(struct pid, numbers) +		\
			       sizeof(struct upid) + offsetof(struct upid, ns));	\
	}

/*
 * Only ever reached by direct jumps (ftrace's, and the return of ftrace_regs_caller), so there
 * is no ENDBR to pay for.
 */
#define VK_STUB(name, body)						\
	VK_TRAMPOLINE(name);						\
	__VK_STUB(vk_stub_##name, body)
#define __VK_STUB(symbol, body)						\
	extern const char symbol[];					\
	asm (".pushsection .text, \"ax\"\n\t"				\
	     ".p2align 4\n\t"						\
	     ".globl " #symbol "\n\t"					\
	     ".type " #symbol ", @function\n"				\
	     #symbol ":\n\t"						\
	     ANNOTATE_NOENDBR "\n\t"					\
	     body							\
	     ".size " #symbol ", . - " #symbol "\n\t"			\
	     ".popsection\n\t"						\
	     ".pushsection _kprobe_blacklist, \"aw\"\n\t"		\
	     ".quad " #symbol "\n\t"					\
	     ".popsection")

/*
 * Room for the way to the original when back end P has the function: displaced instructions of
 * it, and a jump behind them. What the stack is like in there only the function knows, so an
 * unwinder is told nothing.
 */
#define VK_TRAMPOLINE(name)						\
	extern const char vk_trampoline_##name[];			\
	asm (".pushsection .text, \"ax\"\n\t"				\
	     ".p2align 4\n\t"						\
	     ".globl vk_trampoline_" #name "\n\t"			\
	     ".type vk_trampoline_" #name ", @function\n"		\
	     "vk_trampoline_" #name ":\n\t"				\
	     UNWIND_HINT(UNWIND_HINT_TYPE_UNDEFINED, 0, 0, 0)		\
	     "endbr64\n\t"						\
	     "ud2\n\t"							\
	     ".fill " __stringify(VK_TRAMPOLINE_BYTES) " - 6, 1, 0xcc\n\t" \
	     ".size vk_trampoline_" #name ", . - vk_trampoline_" #name "\n\t" \
	     ".popsection\n\t"						\
	     ".pushsection _kprobe_blacklist, \"aw\"\n\t"		\
	     ".quad vk_trampoline_" #name "\n\t"			\
	     ".popsection")

#define VK_TO_HOST(name) "jmp " STATIC_CALL_TRAMP_STR(vk_host_##name) "\n\t"
#define VK_TO_ORIGINAL(name) "jmp " STATIC_CALL_TRAMP_STR(vk_original_##name) "\n\t"
#define VK_CURRENT "movq %gs:current_task(%rip), %rax\n\t"

/* GOLDEN_RATIO_64 without a suffix, which the assembler would not understand. */
#define VK_GOLDEN_RATIO 0x61C8864680B583EB
static_assert(VK_GOLDEN_RATIO == GOLDEN_RATIO_64);

/*
 * With the pid of a task below the initial namespace in rax: nobody in its tree has a policy if
 * there is no mark. The bucket is vk_ns_tree()'s.
 */
#define VK_STUB_TREE(name, ours)					\
		"2:\tmovq vk_pid_tree(%rax), %rax\n\t"			\
		"movabsq $" __stringify(VK_GOLDEN_RATIO) ", %r10\n\t"	\
		"imulq %r10, %rax\n\t"					\
		"shrq $(64 - " __stringify(VK_TREE_BITS) "), %rax\n\t"	\
		"cmpl $0, vk_tree_marks(,%rax,4)\n\t"			\
		"jne " ours "\n\t"					\
		VK_TO_HOST(name)


/*
 * Filters: who goes to the label or function @ours, and who straight on to the host's way.
 *
 * ANYONE: everybody is ours.
 */
#define VK_FILTER_ANYONE(name, ours)	"jmp " ours "\n\t"

/* Subject: current. 7 instructions for a host caller. NULL thread_pid: past release_task(). */
#define VK_FILTER_CURRENT(name, ours)					\
		VK_CURRENT						\
		"movq vk_task_pid(%rax), %rax\n\t"			\
		"testq %rax, %rax\n\t"					\
		"jz 1f\n\t"						\
		"cmpl $0, vk_pid_level(%rax)\n\t"			\
		"jne " ours "\n"					\
		"1:\t" VK_TO_HOST(name)

/* As CURRENT, but for tasks in whose tree nobody has a policy: 15 instructions for those. */
#define VK_FILTER_POLICY(name, ours)					\
		VK_CURRENT						\
		"movq vk_task_pid(%rax), %rax\n\t"			\
		"testq %rax, %rax\n\t"					\
		"jz 1f\n\t"						\
		"cmpl $0, vk_pid_level(%rax)\n\t"			\
		"jne 2f\n"						\
		"1:\t" VK_TO_HOST(name)					\
		VK_STUB_TREE(name, ours)

/*
 * As POLICY, of proc handlers, whose second argument says whether somebody writes: a write goes to the
 * handler from everywhere below the initial namespace, for it might be of the host's own value.
 */
#define VK_FILTER_PROC(name, ours)					\
		VK_CURRENT						\
		"movq vk_task_pid(%rax), %rax\n\t"			\
		"testq %rax, %rax\n\t"					\
		"jz 1f\n\t"						\
		"cmpl $0, vk_pid_level(%rax)\n\t"			\
		"jne 3f\n"						\
		"1:\t" VK_TO_HOST(name)					\
		"3:\ttestl %esi, %esi\n\t"				\
		"jnz " ours "\n\t"					\
		VK_STUB_TREE(name, ours)

#define VK_FILTER_OWN_MM(name, ours)					\
		"testl $vk_kthread, vk_task_flags(%rax)\n\t"		\
		"jnz " ours "\n\t"					\
		"movq vk_task_pid(%rax), %rax\n\t"			\
		"cmpl $0, vk_pid_level(%rax)\n\t"			\
		"jne 2f\n\t"						\
		VK_TO_HOST(name)					\
		VK_STUB_TREE(name, ours)

/*
 * Subject: the mm in the first argument. Certain only for a user task's own mm, where
 * thread_pid is not NULL either: exit_mm() comes before release_task().
 */
#define VK_FILTER_MM(name, ours)					\
		VK_CURRENT						\
		"cmpq %rdi, vk_task_mm(%rax)\n\t"			\
		"jne " ours "\n\t"					\
		VK_FILTER_OWN_MM(name, ours)

/* Subject: the mm of the VMA in the first argument. A vdso VMA has none. */
#define VK_FILTER_VMA(name, ours)					\
		VK_CURRENT						\
		"movq vk_vma_mm(%rdi), %r10\n\t"			\
		"cmpq %r10, vk_task_mm(%rax)\n\t"			\
		"jne " ours "\n\t"					\
		VK_FILTER_OWN_MM(name, ours)

/*
 * Subject: the mm of the VMA in an argument, or current where there is none: write(2), fallocate(2).
 * Then thread_pid may be NULL: past release_task().
 */
#define VK_FILTER_VMA_IN(argument, name, ours)				\
		VK_CURRENT						\
		"testq " argument ", " argument "\n\t"			\
		"jz 3f\n\t"						\
		"movq vk_vma_mm(" argument "), %r10\n\t"		\
		"cmpq %r10, vk_task_mm(%rax)\n\t"			\
		"jne " ours "\n"					\
		"3:\tcmpq $0, vk_task_pid(%rax)\n\t"			\
		"je " ours "\n\t"					\
		VK_FILTER_OWN_MM(name, ours)
#define VK_FILTER_VMA_OR_CURRENT(name, ours)	VK_FILTER_VMA_IN("%rdi", name, ours)
#define VK_FILTER_SECOND_VMA_OR_CURRENT(name, ours) VK_FILTER_VMA_IN("%rsi", name, ours)

/* Subject: the mm of the VMA of the fault in the first argument. */
#define VK_FILTER_FAULT(name, ours)					\
		VK_CURRENT						\
		"movq vk_vmf_vma(%rdi), %r10\n\t"			\
		"movq vk_vma_mm(%r10), %r10\n\t"			\
		"cmpq %r10, vk_task_mm(%rax)\n\t"			\
		"jne " ours "\n\t"					\
		VK_FILTER_OWN_MM(name, ours)

/* Subject: the task in the first argument, new or not. */
#define VK_FILTER_TASK(name, ours)					\
		"movq vk_task_pid(%rdi), %rax\n\t"			\
		"testq %rax, %rax\n\t"					\
		"jz 1f\n\t"						\
		"cmpl $0, vk_pid_level(%rax)\n\t"			\
		"jne " ours "\n"					\
		"1:\t" VK_TO_HOST(name)

/*
 * As CURRENT, of the calls with MAP_NORESERVE: do_mmap(file, addr, len, prot, flags, ...). Three
 * instructions for the others.
 */
#define VK_FILTER_MMAP(name, ours)					\
		"testl $" __stringify(MAP_NORESERVE) ", %r8d\n\t"	\
		"jnz 3f\n\t"						\
		VK_TO_HOST(name)					\
		"3:\t" VK_FILTER_CURRENT(name, ours)

/* The same with SHM_NORESERVE, in octal: newseg(ns, params), where params is key and flags. */
#define VK_FILTER_SEGMENT(name, ours)					\
		"testl $010000, 4(%rsi)\n\t"				\
		"jnz 3f\n\t"						\
		VK_TO_HOST(name)					\
		"3:\t" VK_FILTER_CURRENT(name, ours)
static_assert(SHM_NORESERVE == 010000 && sizeof(key_t) == 4);
/* Subject: the pid namespace in the first argument. */
#define VK_FILTER_NS(name, ours)					\
		"cmpl $0, vk_ns_level_at(%rdi)\n\t"			\
		"jne " ours "\n\t"					\
		VK_TO_HOST(name)

/* Subject: the mm of the VMA in the second argument. */
#define VK_FILTER_VMA2(name, ours)					\
		VK_CURRENT						\
		"movq vk_vma_mm(%rsi), %r10\n\t"			\
		"cmpq %r10, vk_task_mm(%rax)\n\t"			\
		"jne " ours "\n\t"					\
		VK_FILTER_OWN_MM(name, ours)

/* Subject: the mm in the third argument. */
#define VK_FILTER_MM3(name, ours)					\
		VK_CURRENT						\
		"cmpq %rdx, vk_task_mm(%rax)\n\t"			\
		"jne " ours "\n\t"					\
		VK_FILTER_OWN_MM(name, ours)

/*
 * Edges of values: nobody's value forbids what is within, so whoever asks for no more goes on to the original
 * without a look at who he is. The rest are judged as before. What is compared may be beyond what is asked
 * for, never within it. An edge is read before the original reads the kernel's variable, and x86 keeps
 * loads in order; c/parameter.c has who writes it.
 */
#define VK_EDGE(parameter) VK_WORD(vk_edges, parameter)
#define VK_WORD(words, parameter) #words " + 8 * " __stringify(parameter) "(%rip)"
#define VK_EDGE_MAPS	3
#define VK_EDGE_FLOOR	4
#define VK_EDGE_FILES	5
static_assert(VK_EDGE_MAPS == VK_PARAMETER_MAX_MAP_COUNT);
static_assert(VK_EDGE_FLOOR == VK_PARAMETER_MMAP_MIN_ADDR);
static_assert(VK_EDGE_FILES == VK_PARAMETER_NR_OPEN);
static_assert(sizeof(*vk_edges) == 8 && sizeof(vk_pipes_are_judged) == 1);

/* With what is asked for in rax: who is within goes on to the original, who is not to the label @beyond. */
#define VK_WITHIN(words, parameter, name, beyond)			\
		"cmpq " VK_WORD(words, parameter) ", %rax\n\t"		\
		"ja " beyond "\n"					\
		"5:\t" VK_TO_ORIGINAL(name)

/*
 * Numbers: what is asked for, in rax. MAPS: how many mappings current would have, with the most that any
 * of these asks for; it has an mm, which the originals follow themselves.
 */
#define VK_NUMBER_MAPS							\
		VK_CURRENT						\
		"movq vk_task_mm(%rax), %rax\n\t"			\
		VK_NUMBER_OF_MM("%rax")
#define VK_NUMBER_MAPS_VMA2						\
		"movq vk_vma_mm(%rsi), %rax\n\t"			\
		VK_NUMBER_OF_MM("%rax")
#define VK_NUMBER_MAPS_MM3						\
		VK_NUMBER_OF_MM("%rdx")
#define VK_NUMBER_OF_MM(mm)						\
		"movl vk_mm_maps(" mm "), %eax\n\t"			\
		"addq $" __stringify(VK_MAPS_MORE) ", %rax\n\t"
/* Descriptors up to that in the second argument; room for so many as the first says, doubled. */
#define VK_NUMBER_FILE							\
		"movl %esi, %eax\n\t"					\
		"addq $1, %rax\n\t"
#define VK_NUMBER_FILES							\
		"movl %edi, %eax\n\t"					\
		"addq %rax, %rax\n\t"
/* do_prlimit(task, resource, new, old): descriptors, or none, if it does not set their limit. */
#define VK_NUMBER_RLIMIT						\
		"testq %rdx, %rdx\n\t"					\
		"jz 5f\n\t"						\
		"cmpl $7, %esi\n\t"					\
		"jne 5f\n\t"						\
		"movq 8(%rdx), %rax\n\t"
static_assert(RLIMIT_NOFILE == 7 && offsetof(struct rlimit, rlim_max) == 8);

/* As POLICY, VMA2 and MM3, for whoever asks for a number beyond the edge. */
#define VK_FILTER_MAPS(name, ours)	VK_FILTER_BEYOND(MAPS, VK_EDGE_MAPS, POLICY, name, ours)
#define VK_FILTER_MAPS_VMA2(name, ours)	VK_FILTER_BEYOND(MAPS_VMA2, VK_EDGE_MAPS, VMA2, name, ours)
#define VK_FILTER_MAPS_MM3(name, ours)	VK_FILTER_BEYOND(MAPS_MM3, VK_EDGE_MAPS, MM3, name, ours)
#define VK_FILTER_FILE(name, ours)	VK_FILTER_BEYOND(FILE, VK_EDGE_FILES, POLICY, name, ours)
#define VK_FILTER_FILES(name, ours)	VK_FILTER_BEYOND(FILES, VK_EDGE_FILES, POLICY, name, ours)
#define VK_FILTER_RLIMIT(name, ours)	VK_FILTER_BEYOND(RLIMIT, VK_EDGE_FILES, POLICY, name, ours)
#define VK_FILTER_BEYOND(number, parameter, filter, name, ours)		\
		VK_NUMBER_##number					\
		VK_WITHIN(vk_edges, parameter, name, "4f")		\
		"4:\t" VK_FILTER_##filter(name, ours)

/*
 * Who is none of ours, while the host is asked too, is asked for what is beyond the value that the host
 * is held to: somebody else's may be stricter.
 */
#define VK_HELD_MAPS(name)	VK_HELD_BEYOND(MAPS, VK_EDGE_MAPS, name)
#define VK_HELD_MAPS_VMA2(name)	VK_HELD_BEYOND(MAPS_VMA2, VK_EDGE_MAPS, name)
#define VK_HELD_MAPS_MM3(name)	VK_HELD_BEYOND(MAPS_MM3, VK_EDGE_MAPS, name)
#define VK_HELD_FILE(name)	VK_HELD_BEYOND(FILE, VK_EDGE_FILES, name)
#define VK_HELD_RLIMIT(name)	VK_HELD_BEYOND(RLIMIT, VK_EDGE_FILES, name)
#define VK_HELD_BEYOND(number, parameter, name)				\
		VK_NUMBER_##number					\
		VK_WITHIN(vk_host_bounds, parameter, name, "vk_asked_" #name)
/* Of the other filters of what is judged: always. */
#define VK_HELD_CURRENT(name)	"jmp vk_asked_" #name "\n\t"
#define VK_HELD_POLICY		VK_HELD_CURRENT
#define VK_HELD_NS		VK_HELD_CURRENT
#define VK_HELD_FLOOR		VK_HELD_CURRENT

/* As POLICY, of an address that current asks for in the first argument: 3 instructions above all floors. */
#define VK_FILTER_FLOOR(name, ours)					\
		"cmpq " VK_EDGE(VK_EDGE_FLOOR) ", %rdi\n\t"		\
		"jb 4f\n\t"						\
		VK_TO_ORIGINAL(name)					\
		"4:\t" VK_FILTER_POLICY(name, ours)

/* As POLICY, unless nobody's value can concern a new pipe: 3 instructions then. */
#define VK_FILTER_PIPE(name, ours)					\
		"cmpb $0, vk_pipes_are_judged(%rip)\n\t"		\
		"jne 4f\n\t"						\
		VK_TO_ORIGINAL(name)					\
		"4:\t" VK_FILTER_POLICY(name, ours)

/* Stubs by kind. REPLACE, AROUND and SHADOW: ours go to the handler, which answers. */
#define VK_STUB_REPLACE(name, filter)					\
	VK_STUB(name, VK_FILTER_##filter(name, "vk_handler_" #name))
#define VK_STUB_AROUND VK_STUB_REPLACE
#define VK_STUB_SHADOW VK_STUB_REPLACE

/* BEFORE: vk_before_NAME(first argument), in C, then the original with nothing of ours on the stack. */
#define VK_STUB_BEFORE(name, filter)					\
	VK_STUB(name,							\
		VK_FILTER_##filter(name, "9f")				\
		"9:\tpushq %rdi\n\t"					\
		"call vk_before_" #name "\n\t"				\
		"popq %rdi\n\t"						\
		VK_TO_HOST(name))

/*
 * PRE: vk_handler_NAME(words), then the original with nothing of ours on the stack. The handler
 * may change the arguments: words 0 to 5 are those in registers, word 6 is padding, word 7 the
 * return address, and from word 8 on are those on the stack.
 */
#define VK_STUB_PRE(name, filter)					\
	VK_STUB(name,							\
		VK_FILTER_##filter(name, "9f")				\
		"9:\tsubq $8, %rsp\n\t"					\
		"pushq %r9\n\t"						\
		"pushq %r8\n\t"						\
		"pushq %rcx\n\t"					\
		"pushq %rdx\n\t"					\
		"pushq %rsi\n\t"					\
		"pushq %rdi\n\t"					\
		"movq %rsp, %rdi\n\t"					\
		"call vk_handler_" #name "\n\t"				\
		"popq %rdi\n\t"						\
		"popq %rsi\n\t"						\
		"popq %rdx\n\t"						\
		"popq %rcx\n\t"						\
		"popq %r8\n\t"						\
		"popq %r9\n\t"						\
		"addq $8, %rsp\n\t"					\
		VK_TO_HOST(name))

/*
 * ASK: vk_ask_NAME(arguments), in C. What is not negative is answered; else the original goes on, with
 * nothing of ours on the stack. For at most six arguments.
 */
#define VK_STUB_ASK(name, filter)					\
	VK_STUB(name,							\
		VK_FILTER_##filter(name, "9f")				\
		"9:\tsubq $8, %rsp\n\t"					\
		"pushq %r9\n\t"						\
		"pushq %r8\n\t"						\
		"pushq %rcx\n\t"					\
		"pushq %rdx\n\t"					\
		"pushq %rsi\n\t"					\
		"pushq %rdi\n\t"					\
		"call vk_ask_" #name "\n\t"				\
		"popq %rdi\n\t"						\
		"popq %rsi\n\t"						\
		"popq %rdx\n\t"						\
		"popq %rcx\n\t"						\
		"popq %r8\n\t"						\
		"popq %r9\n\t"						\
		"addq $8, %rsp\n\t"					\
		"testl %eax, %eax\n\t"					\
		"jns 8f\n\t"						\
		VK_TO_HOST(name)					\
		"8:\t" ASM_RET)

/*
 * JUDGE: vk_judge_NAME() with the first six arguments and the return address, then the original with
 * nothing of ours on the stack, or back to the caller with the answer. The host comes to vk_held_NAME
 * while it is asked too.
 */
#define VK_STUB_JUDGE(name, filter)					\
	VK_STUB(name, VK_FILTER_##filter(name, "vk_asked_" #name));	\
	__VK_STUB(vk_held_##name, VK_HELD_##filter(name));		\
	__VK_STUB(vk_asked_##name,					\
		"pushq %rdi\n\t"					\
		"pushq %rsi\n\t"					\
		"pushq %rdx\n\t"					\
		"pushq %rcx\n\t"					\
		"pushq %r8\n\t"						\
		"pushq %r9\n\t"						\
		"pushq 48(%rsp)\n\t"					\
		"call vk_judge_" #name "\n\t"				\
		"addq $8, %rsp\n\t"					\
		"popq %r9\n\t"						\
		"popq %r8\n\t"						\
		"popq %rcx\n\t"						\
		"popq %rdx\n\t"						\
		"popq %rsi\n\t"						\
		"popq %rdi\n\t"						\
		"testq %rax, %rax\n\t"					\
		"jnz 9f\n\t"						\
		"jmp " STATIC_CALL_TRAMP_STR(vk_original_##name) "\n"	\
		"9:\t" ASM_RET)

#endif

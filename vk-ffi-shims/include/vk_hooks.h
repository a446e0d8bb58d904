/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One line declares a hook. For the one C file of a module that has its hooks:
 *
 *	#include <linux/mman.h>
 *	#include "vk_hooks.h"
 *
 *	VK_HOOK(vm_commit_limit, REPLACE(ANYONE), unsigned long);
 *
 * and in Rust, where the handler is:
 *
 *	hook!(fn vm_commit_limit() -> u64, Replace<Anyone> => half);
 *
 * Behind the function's name are the kind of the hook with the filter of its stub, the type that
 * the function returns, and the types of its arguments.
 *
 * Kinds
 *	PRE	the handler sees the arguments and may change them; then the original runs, with
 *		nothing of ours on the stack
 *	REPLACE	the handler answers, or calls the original, which does not sleep long
 *	AROUND	as REPLACE, around an original that may sleep: who is inside is counted, and
 *		disarming waits for them
 *	SHADOW	REPLACE, where the host may have a C function of its own (vk_host_NAME)
 *	BEFORE	PRE with a C function: void vk_before_NAME(first argument)
 *	ASK	a C function with all arguments, int vk_ask_NAME(...): what is not negative is the
 *		answer; else the original runs, with nothing of ours on the stack
 *	JUDGE	a C function with the words of six arguments and as the seventh the return address:
 *		long vk_judge_NAME(...) answers 0, and the original runs with nothing of ours on the
 *		stack, or what the caller gets instead. vk_hooks_ask_host() has it asked for the host too
 * Filters: who goes to the handler
 *	ANYONE	every caller
 *	CURRENT	a task below the initial pid namespace
 *	POLICY	the same, if anybody in its tree has a policy
 *	PROC	the same of proc handlers; who writes as CURRENT
 *	MM	the first argument is an mm: a policy may be for it
 *	VMA	the same for the mm of a VMA
 *	TASK	the first argument is a task below the initial pid namespace
 *	FAULT	the first argument is a vm_fault: as VMA for its VMA
 *	VMA_OR_CURRENT
 *		as VMA; where it is NULL, as MM with the mm of the running task
 *	SECOND_VMA_OR_CURRENT
 *		the same for the second argument
 *	MMAP, SEGMENT	as CURRENT, of the calls of do_mmap() and newseg() that ask for memory that
 *		is not charged
 *	NS	the first argument is a pid namespace below the initial one
 *	VMA2	the second argument is a VMA: a policy may be for its mm
 *	MM3	the third argument is an mm
 *	MAPS, MAPS_VMA2, MAPS_MM3
 *		as POLICY, VMA2 and MM3, if so many mappings are beyond somebody's vm.max_map_count
 *	FILE, FILES, RLIMIT
 *		as POLICY, if so many descriptors are beyond somebody's fs.nr_open: the second argument is
 *		the last of them; the first is half as many as that may make; a limit of them is set to that
 *	PIPE	as POLICY, if a new pipe may be beyond somebody's values
 *	FLOOR	as POLICY, if the address in the first argument is below somebody's vm.mmap_min_addr
 *
 * What is compared, when
 *	the line with the kernel's header: here, by __builtin_types_compatible_p
 *	the line with that of Rust: when the module is linked. Both make of kind, filter and types
 *		the name of a symbol, and modpost says which one is undefined
 *	the line with the running kernel: when the module is loaded, by its BTF
 *
 * A line takes only a whole function: exactly one symbol of that name, no .isra, .constprop or
 * .part beside it.
 */
#ifndef VK_HOOKS_H
#define VK_HOOKS_H

#include <linux/args.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/init.h>
#include <linux/overflow.h>
#include "vk_stub.h"

/* A function that a header of the kernel declares. */
#define VK_HOOK(function, how, prototype...)				\
	VK_HOOK_AS(function, function, how, prototype)
/* The same where the hook has a name of its own. */
#define VK_HOOK_AS(name, function, how, prototype...)			\
	__VK_DECLARED(function, prototype)				\
	__VK_HOOK(name, #function, #function, NULL, NULL, how, prototype)
/* A function that no header declares: only BTF knows it. */
#define VK_HOOK_STATIC(function, how, prototype...)			\
	__VK_HOOK(function, #function, #function, NULL, NULL, how, prototype)
/* The same where the hook has a name of its own. */
#define VK_HOOK_STATIC_AS(name, function, how, prototype...)		\
	__VK_HOOK(name, #function, #function, NULL, NULL, how, prototype)
/*
 * A function whose symbol is not unique: @find returns its address, which it has from the pointer
 * @field in a @structure. That pointer's type is compared, here and when the module is loaded.
 */
#define VK_HOOK_FOUND(name, function, find, structure, field, how, prototype...) \
	__VK_HELD(structure, field, prototype)				\
	__VK_HOOK(name, #function, NULL, find, #structure "." #field, how, prototype)
/* The same for a function that no pointer leads to: nothing is compared. */
#define VK_HOOK_ELSEWHERE(name, function, find, how, prototype...)	\
	__VK_HOOK(name, #function, NULL, find, NULL, how, prototype)

/*
 * The hooks in the order of their lines, which is that in which they are armed: vk_hook_table[],
 * up to vk_hook_table_end. One file of a module has them all.
 */
#define __VK_TABLE(subsection, text)					\
	asm (".pushsection .data.vk_hook_table, " #subsection ", \"aw\", @progbits\n\t" \
	     text "\n\t"						\
	     ".popsection")
__VK_TABLE(0, ".balign 8\n\t.globl vk_hook_table\nvk_hook_table:");
__VK_TABLE(2, ".globl vk_hook_table_end\nvk_hook_table_end:");

VK_STUB_OFFSETS

/* What hooks belong to, and are armed with; to be defined anew between lines. */
#define VK_HOOK_FEATURE VK_FEATURES

/* ---- Behind the line ---- */

#define __VK_DECLARED(function, ret, args...)				\
	static_assert(__builtin_types_compatible_p(typeof(function), ret(VK_TYPES(args))), \
		      #function " is not what the kernel's header says");

#define __VK_HELD(structure, field, ret, args...)			\
	static_assert(__builtin_types_compatible_p(typeof(*((structure *)0)->field), \
						   ret(VK_TYPES(args))), \
		      #structure "." #field " is not what the kernel's header says");

#define __VK_HOOK(name, function, looked_up, found, held, how, ret, args...) \
	__VK_SPLIT(name, function, looked_up, found, held, #args, __VK_HOW_##how, ret, ##args)
#define __VK_SPLIT(...) __VK_DECLARE(__VA_ARGS__)

#define __VK_HOW_PRE(filter)		PRE, PASS, filter
#define __VK_HOW_REPLACE(filter)	REPLACE, REPL, filter
#define __VK_HOW_AROUND(filter)		AROUND, AROUND, filter
#define __VK_HOW_SHADOW(filter)		SHADOW, SHADOW, filter
#define __VK_HOW_BEFORE(filter)		BEFORE, PASS, filter
#define __VK_HOW_ASK(filter)		ASK, PASS, filter
#define __VK_HOW_JUDGE(filter)		JUDGE, SHADOW, filter

#define __VK_SUBJECT_ANYONE	VK_SUBJECT_NONE
#define __VK_SUBJECT_CURRENT	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_POLICY	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_PROC	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_MM		VK_SUBJECT_MM
#define __VK_SUBJECT_VMA	VK_SUBJECT_VMA
#define __VK_SUBJECT_TASK	VK_SUBJECT_TASK
#define __VK_SUBJECT_FAULT	VK_SUBJECT_FAULT
#define __VK_SUBJECT_VMA_OR_CURRENT	VK_SUBJECT_VMA_OR_CURRENT
#define __VK_SUBJECT_SECOND_VMA_OR_CURRENT	VK_SUBJECT_SECOND_VMA_OR_CURRENT
#define __VK_SUBJECT_MMAP	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_SEGMENT	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_NS		VK_SUBJECT_NONE
#define __VK_SUBJECT_VMA2	VK_SUBJECT_VMA
#define __VK_SUBJECT_MM3	VK_SUBJECT_MM
#define __VK_SUBJECT_MAPS	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_MAPS_VMA2	VK_SUBJECT_VMA
#define __VK_SUBJECT_MAPS_MM3	VK_SUBJECT_MM
#define __VK_SUBJECT_FLOOR	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_FILE	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_FILES	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_RLIMIT	VK_SUBJECT_CURRENT
#define __VK_SUBJECT_PIPE	VK_SUBJECT_CURRENT

/*
 * The static calls carry the prototype. A handler need not be there in a file that says so, for
 * modules that use some of its hooks only: then ours get what the host gets.
 */
#define __VK_DECLARE(hook_, symbol_, looked_up, found, held_, takes_, kind_, as, filter, ret, args...) \
	ret vk_original_##hook_(VK_PARAMS(args));			\
	ret vk_host_##hook_##_call(VK_PARAMS(args));			\
	DEFINE_STATIC_CALL_NULL(vk_original_##hook_, vk_original_##hook_);	\
	DEFINE_STATIC_CALL_NULL(vk_host_##hook_, vk_original_##hook_);	\
	notrace ret vk_original_##hook_(VK_PARAMS(args))		\
	{								\
		return static_call(vk_original_##hook_)(VK_NAMES(args));	\
	}								\
	notrace ret vk_host_##hook_##_call(VK_PARAMS(args))		\
	{								\
		return static_call(vk_host_##hook_)(VK_NAMES(args));	\
	}								\
	__VK_HANDLER_##kind_(hook_, ret, ##args)				\
	__VK_STUBS(kind_, hook_, filter)					\
	__VK_LINE(hook_, __VK_LINE_##kind_, __VK_SUBJECT_##filter, ret, ##args)	\
	struct vk_hook vk_hook_##hook_ = {				\
		.symbol = symbol_,					\
		.by_name = { .name = looked_up, .feature = VK_HOOK_FEATURE },	\
		.find = found,						\
		.held = held_,						\
		.feature = VK_HOOK_FEATURE,				\
		.kind = VK_KIND_##as,					\
		.subject = __VK_SUBJECT_##filter,			\
		.stub = VK_HOOK_STUB(hook_),				\
		.trampoline = VK_HOOK_TRAMPOLINE(hook_),		\
		.asked = __VK_ASKED_##kind_(hook_),			\
		.original = &STATIC_CALL_KEY(vk_original_##hook_),	\
		.original_trampoline = STATIC_CALL_TRAMP_ADDR(vk_original_##hook_), \
		.host = &STATIC_CALL_KEY(vk_host_##hook_),		\
		.host_trampoline = STATIC_CALL_TRAMP_ADDR(vk_host_##hook_), \
		.takes = takes_,					\
		.arguments = COUNT_ARGS(args),				\
		.codes = { VK_CODE(ret) __VK_MAP(__VK_NEXT_CODE, ##args) },	\
	};								\
	__VK_TABLE(1, ".quad vk_hook_" #hook_)

#define __VK_NEXT_CODE(n, type)	, VK_CODE(type)

/* A series without stubs says so before it includes this file. */
#ifndef VK_HOOK_STUB
#define VK_HOOK_STUB(name) ((void *)vk_stub_##name)
#define VK_HOOK_TRAMPOLINE(name) ((void *)vk_trampoline_##name)
#define VK_HOOK_ASKED(name) ((void *)vk_held_##name)
#define __VK_STUBS(kind, name, filter) VK_STUB_##kind(name, filter);
#else
#define VK_HOOK_TRAMPOLINE(name) NULL
#define VK_HOOK_ASKED(name) NULL
#define __VK_STUBS(kind, name, filter)
#endif

#ifdef VK_HANDLERS_OPTIONAL
#define __VK_HANDLER_REPLACE(name, ret, args...)			\
	ret vk_handler_##name(VK_PARAMS(args));				\
	__weak notrace ret vk_handler_##name(VK_PARAMS(args))		\
	{								\
		return static_call(vk_host_##name)(VK_NAMES(args));	\
	}
#define __VK_HANDLER_PRE(name, ret, args...)				\
	void vk_handler_##name(unsigned long *words);			\
	__weak notrace void vk_handler_##name(unsigned long *words) { }
#else
#define __VK_HANDLER_REPLACE(name, ret, args...)			\
	ret vk_handler_##name(VK_PARAMS(args));
#define __VK_HANDLER_PRE(name, ret, args...)				\
	void vk_handler_##name(unsigned long *words);
#endif
#define __VK_HANDLER_AROUND	__VK_HANDLER_REPLACE
#define __VK_HANDLER_SHADOW	__VK_HANDLER_REPLACE
#define __VK_HANDLER_BEFORE(name, ret, args...)
#define __VK_HANDLER_ASK(name, ret, args...)
#define __VK_HANDLER_JUDGE(name, ret, args...)

/* Whom vk_hooks_ask_host() leads the host to. */
#define __VK_ASKED_PRE(name)		NULL
#define __VK_ASKED_REPLACE(name)	NULL
#define __VK_ASKED_SHADOW(name)		NULL
#define __VK_ASKED_BEFORE(name)		NULL
#define __VK_ASKED_ASK(name)		NULL
#define __VK_ASKED_AROUND(name)		((void *)vk_handler_##name)
#define __VK_ASKED_JUDGE(name)		VK_HOOK_ASKED(name)

/* Kinds as Rust counts them, src/kind.rs; one in C has no line there. */
#define __VK_LINE_PRE		0
#define __VK_LINE_REPLACE	1
#define __VK_LINE_AROUND	2
#define __VK_LINE_SHADOW	1
#define __VK_LINE_BEFORE	3
#define __VK_LINE_ASK		3
#define __VK_LINE_JUDGE		3

/*
 * A type as it crosses: its size in bytes, and behind that digit 0 for a number without sign, 1 for
 * one with, 2 for a pointer; 0 for void. src/passed.rs has the same.
 */
#define VK_CODE(type)							\
	(__builtin_types_compatible_p(type, void) ? 0 :			\
	 sizeof(__VK_VALUE(type)) * 10 + __VK_CLASS(__VK_VALUE(type)))
/* The type, or another one in the place of void, which cannot be computed with. */
#define __VK_VALUE(type)						\
	typeof(__builtin_choose_expr(__builtin_types_compatible_p(type, void), (char)0, (type)0))
#define __VK_CLASS(type)						\
	__builtin_choose_expr(__builtin_classify_type((type)0) == 5, 2, is_signed_type(type))

/* The symbol that says what the line says. */
#define __VK_LINE(name, kind, filter, ret, args...)			\
	static void __init __used vk_line_##name(void)			\
	{								\
		asm volatile (__VK_LINE_DEFINE(				\
				"vk_line_" #name ".kind_%c0.of_%c1.returns_%c2.takes" \
				CONCATENATE(__VK_CODES_, COUNT_ARGS(args)))	\
			      :: "i" (kind), "i" (filter), "i" (VK_CODE(ret))	\
			      __VK_MAP(__VK_OPERAND, ##args));		\
	}
#define __VK_LINE_DEFINE(symbol) ".globl " symbol "\n\t.set " symbol ", 0"
#define __VK_OPERAND(n, type)	, "i" (VK_CODE(type))
#define __VK_CODES_0
#define __VK_CODES_1 "_%c3"
#define __VK_CODES_2 __VK_CODES_1 "_%c4"
#define __VK_CODES_3 __VK_CODES_2 "_%c5"
#define __VK_CODES_4 __VK_CODES_3 "_%c6"
#define __VK_CODES_5 __VK_CODES_4 "_%c7"
#define __VK_CODES_6 __VK_CODES_5 "_%c8"
#define __VK_CODES_7 __VK_CODES_6 "_%c9"
#define __VK_CODES_8 __VK_CODES_7 "_%c10"
#define __VK_CODES_9 __VK_CODES_8 "_%c11"
#define __VK_CODES_10 __VK_CODES_9 "_%c12"
static_assert(VK_ARGUMENTS == 10);

/* Types as parameters, as a prototype, and the names that the parameters get. */
#define VK_PARAMS(args...)	__VK_LIST(__VK_PARAM, void, ##args)
#define VK_TYPES(args...)	__VK_LIST(__VK_TYPE, void, ##args)
#define VK_NAMES(args...)	__VK_LIST(__VK_NAME, , ##args)
#define __VK_PARAM(n, type)	, type a##n
#define __VK_TYPE(n, type)	, type
#define __VK_NAME(n, type)	, a##n
#define __VK_LIST(of, empty, args...)					\
	CONCATENATE(__VK_LIST_, CONCATENATE(__VK_ANY_, COUNT_ARGS(args)))(of, empty, ##args)
#define __VK_LIST_0(of, empty)		empty
#define __VK_LIST_1(of, empty, args...)	__VK_BEHIND_FIRST(__VK_MAP(of, ##args))
#define __VK_BEHIND_FIRST(...)		__VK_BEHIND_COMMA(__VA_ARGS__)
#define __VK_BEHIND_COMMA(nothing, list...) list
#define __VK_ANY_0 0
#define __VK_ANY_1 1
#define __VK_ANY_2 1
#define __VK_ANY_3 1
#define __VK_ANY_4 1
#define __VK_ANY_5 1
#define __VK_ANY_6 1
#define __VK_ANY_7 1
#define __VK_ANY_8 1
#define __VK_ANY_9 1
#define __VK_ANY_10 1

/* of(1, first) of(2, second) ... */
#define __VK_MAP(of, args...)	CONCATENATE(__VK_MAP_, COUNT_ARGS(args))(of, ##args)
#define __VK_MAP_0(of)
#define __VK_MAP_1(of, a)			of(1, a)
#define __VK_MAP_2(of, a, b)			__VK_MAP_1(of, a) of(2, b)
#define __VK_MAP_3(of, a, b, c)			__VK_MAP_2(of, a, b) of(3, c)
#define __VK_MAP_4(of, a, b, c, d)		__VK_MAP_3(of, a, b, c) of(4, d)
#define __VK_MAP_5(of, a, b, c, d, e)		__VK_MAP_4(of, a, b, c, d) of(5, e)
#define __VK_MAP_6(of, a, b, c, d, e, f)	__VK_MAP_5(of, a, b, c, d, e) of(6, f)
#define __VK_MAP_7(of, a, b, c, d, e, f, g)	__VK_MAP_6(of, a, b, c, d, e, f) of(7, g)
#define __VK_MAP_8(of, a, b, c, d, e, f, g, h)				\
	__VK_MAP_7(of, a, b, c, d, e, f, g) of(8, h)
#define __VK_MAP_9(of, a, b, c, d, e, f, g, h, i)			\
	__VK_MAP_8(of, a, b, c, d, e, f, g, h) of(9, i)
#define __VK_MAP_10(of, a, b, c, d, e, f, g, h, i, j)			\
	__VK_MAP_9(of, a, b, c, d, e, f, g, h, i) of(10, j)

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux 7.2: everything that depends on this series' structures and functions.
 *
 * Functions and their callers: mm/util.c (overcommit), mm/huge_memory.c and mm/khugepaged.c
 * (THP), kernel/pid_namespace.c and kernel/sched/core.c (life of a namespace).
 */
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include "vk_series.h"
#include "vk_stub.h"

/* ---- Layout: what the stubs and the handlers take for granted ---- */

static_assert((int)VK_TVA_SMAPS == (int)TVA_SMAPS);
static_assert((int)VK_TVA_PAGEFAULT == (int)TVA_PAGEFAULT);
static_assert((int)VK_TVA_KHUGEPAGED == (int)TVA_KHUGEPAGED);
static_assert((int)VK_TVA_FORCED_COLLAPSE == (int)TVA_FORCED_COLLAPSE);
static_assert(sizeof(((struct task_struct *)0)->thread_pid) == 8);
static_assert(sizeof(((struct pid *)0)->level) == 4);
static_assert(sizeof(((struct task_struct *)0)->flags) == 4);
static_assert(IS_ENABLED(CONFIG_MEMCG));
static_assert(IS_ENABLED(CONFIG_PER_VMA_LOCK));

/* ---- Kernel symbols ---- */

struct vk_symbol vk_symbols[] = {
	{ "ftrace_location", .feature = VK_FEATURE_LIFECYCLE },
	{ "wake_up_new_task", .feature = VK_FEATURE_LIFECYCLE },
	{ "delayed_free_pidns", .feature = VK_FEATURE_LIFECYCLE },
	{ "overcommit_policy_handler", .feature = VK_FEATURE_SYSCTL },
	{ "overcommit_ratio_handler", .feature = VK_FEATURE_SYSCTL },
	{ "overcommit_kbytes_handler", .feature = VK_FEATURE_SYSCTL },
	{ "sysctl_overcommit_memory", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_overcommit_ratio", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_overcommit_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_admin_reserve_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "sysctl_user_reserve_kbytes", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_committed_as", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_committed_as_batch", .feature = VK_FEATURE_OVERCOMMIT },
	{ "total_swap_pages", .feature = VK_FEATURE_OVERCOMMIT },
	{ "hugetlb_total_pages", .feature = VK_FEATURE_OVERCOMMIT },
	{ "__vm_enough_memory", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_commit_limit", .feature = VK_FEATURE_OVERCOMMIT },
	{ "vm_memory_committed", .feature = VK_FEATURE_OVERCOMMIT },
	{ "transparent_hugepage_flags", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_always", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_madvise", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_inherit", .feature = VK_FEATURE_THP },
	{ "huge_anon_orders_lock", .feature = VK_FEATURE_THP },
	{ "hugepage_attr", .feature = VK_FEATURE_THP },
	{ "start_stop_khugepaged", .feature = VK_FEATURE_THP },
	{ "min_free_kbytes", .feature = VK_FEATURE_THP },
	{ "setup_per_zone_wmarks", .feature = VK_FEATURE_THP },
	{ "__thp_vma_allowable_orders", .feature = VK_FEATURE_THP },
	{ "anon_enabled_show", .feature = VK_FEATURE_THP },
	{ "anon_enabled_store", .feature = VK_FEATURE_THP },
	/* What tells this kernel from another: c/build.c. */
	{ "__start_notes", .feature = VK_FEATURES },
	{ "__stop_notes", .feature = VK_FEATURES },
	{ "__start_BTF", .feature = VK_FEATURES },
	{ "__stop_BTF", .feature = VK_FEATURES },
	{ }
};

/* Structures whose fields are read or written here and in the files that the series share. */
const char *const vk_structs[] = {
	"struct task_struct", "struct signal_struct", "struct pid", "struct upid",
	"struct pid_namespace", "struct ns_common", "struct mm_struct", "struct vm_area_struct",
	"struct vm_operations_struct", "struct maple_tree", "struct ma_state", "struct rw_semaphore",
	"struct seqcount", "struct percpu_counter", "struct mem_cgroup", "struct page_counter",
	"struct file", "struct thpsize", "struct kobj_attribute", "struct attribute",
	"struct ctl_table", "struct callback_head",
	NULL
};

DEFINE_STATIC_CALL_NULL(vk_ftrace_location, *(unsigned long (*)(unsigned long))NULL);

void vk_series_bind(void)
{
	VK_BIND_CALL(vk_ftrace_location, "ftrace_location");
	vk_overcommit_bind();
	vk_thp_bind();
}

/* ---- Sites: ftrace writes a direct jump ---- */

unsigned long vk_function_site(unsigned long function)
{
	return static_call(vk_ftrace_location)(function);
}

const char *vk_site_refusal(void)
{
	return NULL;
}

int vk_site_divert(struct vk_hook *h)
{
	return register_ftrace_direct(&h->ops, ftrace_jmp_set((unsigned long)h->stub));
}

int vk_site_restore(struct vk_hook *h)
{
	return unregister_ftrace_direct(&h->ops, ftrace_jmp_set((unsigned long)h->stub), false);
}

/* ---- Namespaces ---- */

unsigned long long vk_ns_id(const void *ns)
{
	return ((const struct pid_namespace *)ns)->ns.ns_id;
}

/* ---- The hooks ---- */

VK_HOOKED(int, overcommit_policy_handler,
	  (const void *table, int write, void *buffer, unsigned long *lenp, long long *ppos),
	  (table, write, buffer, lenp, ppos))
VK_HOOKED(int, overcommit_ratio_handler,
	  (const void *table, int write, void *buffer, unsigned long *lenp, long long *ppos),
	  (table, write, buffer, lenp, ppos))
VK_HOOKED(int, overcommit_kbytes_handler,
	  (const void *table, int write, void *buffer, unsigned long *lenp, long long *ppos),
	  (table, write, buffer, lenp, ppos))
VK_HOOKED(int, vm_enough_memory, (const void *mm, long pages, int cap_sys_admin),
	  (mm, pages, cap_sys_admin))
VK_HOOKED(unsigned long, vm_commit_limit, (void), ())
VK_HOOKED(unsigned long, vm_memory_committed, (void), ())
VK_HOOKED(unsigned long, thp_allowable_orders,
	  (const void *vma, unsigned long vm_flags, int type, unsigned long orders),
	  (vma, vm_flags, type, orders))
VK_HOOKED(long, thp_enabled_show, (const void *kobj, const void *attr, void *buf),
	  (kobj, attr, buf))
VK_HOOKED(long, thp_enabled_store,
	  (const void *kobj, const void *attr, const void *buf, unsigned long count),
	  (kobj, attr, buf, count))
VK_HOOKED(long, anon_enabled_show, (const void *kobj, const void *attr, void *buf),
	  (kobj, attr, buf))
VK_HOOKED(long, anon_enabled_store,
	  (const void *kobj, const void *attr, const void *buf, unsigned long count),
	  (kobj, attr, buf, count))

/* The two that run before the original and have no answer of their own. */
DEFINE_STATIC_CALL_NULL(vk_original_wake_up_new_task, vk_before_wake_up_new_task);
DEFINE_STATIC_CALL_NULL(vk_host_wake_up_new_task, vk_before_wake_up_new_task);
DEFINE_STATIC_CALL_NULL(vk_original_delayed_free_pidns, vk_before_delayed_free_pidns);
DEFINE_STATIC_CALL_NULL(vk_host_delayed_free_pidns, vk_before_delayed_free_pidns);

VK_STUB_OFFSETS
VK_STUB_BEFORE_TASK(wake_up_new_task);
VK_STUB_BEFORE(delayed_free_pidns);
VK_STUB_CURRENT(overcommit_policy_handler);
VK_STUB_CURRENT(overcommit_ratio_handler);
VK_STUB_CURRENT(overcommit_kbytes_handler);
VK_STUB_MM(vm_enough_memory);
VK_STUB_CURRENT(vm_commit_limit);
VK_STUB_CURRENT(vm_memory_committed);
VK_STUB_VMA(thp_allowable_orders);
VK_STUB_CURRENT(thp_enabled_show);
VK_STUB_CURRENT(thp_enabled_store);
VK_STUB_CURRENT(anon_enabled_show);
VK_STUB_CURRENT(anon_enabled_store);

#define VK_HOOK_MORE_wake_up_new_task
#define VK_HOOK_MORE_delayed_free_pidns
#define VK_HOOK_MORE_overcommit_policy_handler
#define VK_HOOK_MORE_overcommit_ratio_handler
#define VK_HOOK_MORE_overcommit_kbytes_handler
#define VK_HOOK_MORE_vm_enough_memory
#define VK_HOOK_MORE_vm_commit_limit
#define VK_HOOK_MORE_vm_memory_committed
#define VK_HOOK_MORE_thp_allowable_orders
#define VK_HOOK_MORE_thp_enabled_show .find = vk_find_thp_enabled_show,
#define VK_HOOK_MORE_thp_enabled_store .find = vk_find_thp_enabled_store,
#define VK_HOOK_MORE_anon_enabled_show
#define VK_HOOK_MORE_anon_enabled_store

struct vk_hook vk_hooks[VK_HOOKS] = {
	VK_HOOK_ENTRY(VK_HOOK_WAKE_UP_NEW_TASK, "wake_up_new_task", wake_up_new_task,
		      LIFECYCLE, PASS, NONE),
	VK_HOOK_ENTRY(VK_HOOK_DELAYED_FREE_PIDNS, "delayed_free_pidns", delayed_free_pidns,
		      LIFECYCLE, PASS, NONE),
	VK_HOOK_ENTRY(VK_HOOK_OVERCOMMIT_POLICY_HANDLER, "overcommit_policy_handler",
		      overcommit_policy_handler, SYSCTL, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_OVERCOMMIT_RATIO_HANDLER, "overcommit_ratio_handler",
		      overcommit_ratio_handler, SYSCTL, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_OVERCOMMIT_KBYTES_HANDLER, "overcommit_kbytes_handler",
		      overcommit_kbytes_handler, SYSCTL, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_VM_ENOUGH_MEMORY, "__vm_enough_memory", vm_enough_memory,
		      OVERCOMMIT, REPL, MM),
	VK_HOOK_ENTRY(VK_HOOK_VM_COMMIT_LIMIT, "vm_commit_limit", vm_commit_limit,
		      OVERCOMMIT, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_VM_MEMORY_COMMITTED, "vm_memory_committed", vm_memory_committed,
		      OVERCOMMIT, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_THP_ALLOWABLE_ORDERS, "__thp_vma_allowable_orders",
		      thp_allowable_orders, THP, SHADOW, VMA),
	VK_HOOK_ENTRY(VK_HOOK_THP_ENABLED_SHOW, "enabled_show", thp_enabled_show,
		      THP, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_THP_ENABLED_STORE, "enabled_store", thp_enabled_store,
		      THP, SHADOW, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_ANON_ENABLED_SHOW, "anon_enabled_show", anon_enabled_show,
		      THP, SHADOW, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_ANON_ENABLED_STORE, "anon_enabled_store", anon_enabled_store,
		      THP, SHADOW, CURRENT),
};

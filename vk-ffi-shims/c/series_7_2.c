// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux 7.2: everything that depends on this series' structures and functions.
 *
 * Functions and their callers: mm/util.c (overcommit), mm/huge_memory.c and mm/khugepaged.c
 * (THP), kernel/pid_namespace.c and kernel/sched/core.c (life of a namespace).
 */
#include <linux/hugetlb.h>
#include <linux/kobject.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/page_counter.h>
#include <linux/percpu_counter.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/shmem_fs.h>
#include <linux/sysctl.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>
#include "vk_hook.h"
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
	{ }
};

DEFINE_STATIC_CALL_NULL(vk_ftrace_location, *(unsigned long (*)(unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_hugetlb_total_pages, *(unsigned long (*)(void))NULL);
DEFINE_STATIC_CALL_NULL(vk_start_stop_khugepaged, *(int (*)(void))NULL);
DEFINE_STATIC_CALL_NULL(vk_setup_per_zone_wmarks, *(void (*)(void))NULL);

static struct percpu_counter *vk_committed_as;
static s32 *vk_committed_as_batch;
static long *vk_total_swap_pages;
static int *vk_host_overcommit_memory, *vk_host_overcommit_ratio;
static unsigned long *vk_host_overcommit_kbytes;
static unsigned long *vk_admin_reserve_kbytes, *vk_user_reserve_kbytes;
static unsigned long *vk_thp_flags, *vk_orders_always, *vk_orders_madvise, *vk_orders_inherit;
static spinlock_t *vk_orders_lock;
static struct attribute **vk_hugepage_attr;
static int *vk_min_free_kbytes;

#define VK_BIND(pointer, name) do {					\
	struct vk_symbol *found = vk_symbol(name);			\
	pointer = found ? (typeof(pointer))found->address : NULL;	\
} while (0)

#define VK_BIND_CALL(call, name) do {					\
	struct vk_symbol *found = vk_symbol(name);			\
	if (found)							\
		static_call_update(call, (void *)found->address);	\
} while (0)

void vk_series_bind(void)
{
	VK_BIND_CALL(vk_ftrace_location, "ftrace_location");
	VK_BIND_CALL(vk_hugetlb_total_pages, "hugetlb_total_pages");
	VK_BIND_CALL(vk_start_stop_khugepaged, "start_stop_khugepaged");
	VK_BIND_CALL(vk_setup_per_zone_wmarks, "setup_per_zone_wmarks");
	VK_BIND(vk_committed_as, "vm_committed_as");
	VK_BIND(vk_committed_as_batch, "vm_committed_as_batch");
	VK_BIND(vk_total_swap_pages, "total_swap_pages");
	VK_BIND(vk_host_overcommit_memory, "sysctl_overcommit_memory");
	VK_BIND(vk_host_overcommit_ratio, "sysctl_overcommit_ratio");
	VK_BIND(vk_host_overcommit_kbytes, "sysctl_overcommit_kbytes");
	VK_BIND(vk_admin_reserve_kbytes, "sysctl_admin_reserve_kbytes");
	VK_BIND(vk_user_reserve_kbytes, "sysctl_user_reserve_kbytes");
	VK_BIND(vk_thp_flags, "transparent_hugepage_flags");
	VK_BIND(vk_orders_always, "huge_anon_orders_always");
	VK_BIND(vk_orders_madvise, "huge_anon_orders_madvise");
	VK_BIND(vk_orders_inherit, "huge_anon_orders_inherit");
	VK_BIND(vk_orders_lock, "huge_anon_orders_lock");
	VK_BIND(vk_hugepage_attr, "hugepage_attr");
	VK_BIND(vk_min_free_kbytes, "min_free_kbytes");
}

unsigned long vk_function_site(unsigned long function)
{
	return static_call(vk_ftrace_location)(function);
}

/* ---- Subjects ---- */

static const void *vk_ns_or_host(struct pid_namespace *ns)
{
	return ns && ns->level ? ns : NULL;
}

const void *vk_subject_current(void)
{
	if (current->flags & PF_KTHREAD)
		return NULL;
	return vk_ns_or_host(task_active_pid_ns(current));
}

const void *vk_subject_mm(const void *p)
{
	const struct mm_struct *mm = p;
	struct task_struct *owner;

	if (!mm || (current->mm == mm && !(current->flags & PF_KTHREAD)))
		return vk_subject_current();
	/* khugepaged, remote access, kthread_use_mm(): the owner's, and the host's without one. */
	owner = rcu_dereference(mm->owner);
	return owner ? vk_ns_or_host(task_active_pid_ns(owner)) : NULL;
}

const void *vk_subject_vma(const void *vma)
{
	const struct mm_struct *mm = vma ? ((const struct vm_area_struct *)vma)->vm_mm : NULL;

	return mm ? vk_subject_mm(mm) : NULL;
}

/* ---- Namespaces ---- */

const void *vk_ns_parent(const void *ns)
{
	return vk_ns_or_host(((const struct pid_namespace *)ns)->parent);
}

unsigned long long vk_ns_id(const void *ns)
{
	return ((const struct pid_namespace *)ns)->ns.ns_id;
}

unsigned int vk_ns_level(const void *ns)
{
	return ((const struct pid_namespace *)ns)->level;
}

bool vk_ns_is_descendant(const void *p, const void *ancestor)
{
	const struct pid_namespace *ns = p, *a = ancestor;

	while (ns->level > a->level)
		ns = ns->parent;
	return ns == a;
}

bool vk_ns_below_current(const void *ns)
{
	struct pid_namespace *mine = task_active_pid_ns(current);

	return mine && mine != ns && vk_ns_is_descendant(ns, mine);
}

static struct task_struct *vk_ns_init(const struct pid_namespace *ns)
{
	struct pid *pid = find_pid_ns(1, (struct pid_namespace *)ns);

	return pid ? pid_task(pid, PIDTYPE_TGID) : NULL;
}

int vk_ns_init_pid(const void *ns, unsigned char *comm)
{
	struct task_struct *init;
	int nr = 0;

	memset(comm, 0, TASK_COMM_LEN);
	rcu_read_lock();
	init = vk_ns_init(ns);
	if (init) {
		nr = task_pid_nr(init);
		strscpy(comm, init->comm, TASK_COMM_LEN);
	}
	rcu_read_unlock();
	return nr;
}

unsigned int vk_ns_tasks(const void *ns)
{
	return READ_ONCE(((const struct pid_namespace *)ns)->pid_allocated) & ~PIDNS_ADDING;
}

bool vk_ns_admin(const void *ns)
{
	return ns_capable_noaudit(((const struct pid_namespace *)ns)->user_ns, CAP_SYS_ADMIN);
}

static unsigned long long vk_pages_to_bytes(unsigned long pages)
{
	return pages >= PAGE_COUNTER_MAX ? ~0ULL : (unsigned long long)pages << PAGE_SHIFT;
}

void vk_ns_memory_max(const void *ns, unsigned long long *memory, unsigned long long *swap)
{
	struct mem_cgroup *memcg;
	struct task_struct *init;

	*memory = ~0ULL;
	*swap = ~0ULL;
	rcu_read_lock();
	init = vk_ns_init(ns);
	memcg = init ? mem_cgroup_from_task(init) : NULL;
	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		*memory = min(*memory, vk_pages_to_bytes(READ_ONCE(memcg->memory.max)));
		*swap = min(*swap, vk_pages_to_bytes(READ_ONCE(memcg->swap.max)));
	}
	rcu_read_unlock();
}

void vk_ns_each(bool (*found)(const void *ns, void *data), void *data)
{
	struct task_struct *p;

	rcu_read_lock();
	for_each_process(p) {
		struct pid *pid = task_pid(p);

		if (pid && pid->level && pid->numbers[pid->level].nr == 1 &&
		    !found(pid->numbers[pid->level].ns, data))
			break;
	}
	rcu_read_unlock();
}

/* ---- Overcommit: mm/util.c ---- */

void vk_overcommit_account(long pages)
{
	percpu_counter_add_batch(vk_committed_as, pages, *vk_committed_as_batch);
}

unsigned long long vk_overcommit_committed(void)
{
	return percpu_counter_read_positive(vk_committed_as);
}

long vk_ram_pages(void)
{
	return totalram_pages();
}

long vk_hugetlb_pages(void)
{
	return static_call(vk_hugetlb_total_pages)();
}

long vk_swap_pages(void)
{
	return READ_ONCE(*vk_total_swap_pages);
}

void vk_overcommit_host(int *mode, int *ratio, unsigned long *kbytes)
{
	*mode = READ_ONCE(*vk_host_overcommit_memory);
	*ratio = READ_ONCE(*vk_host_overcommit_ratio);
	*kbytes = READ_ONCE(*vk_host_overcommit_kbytes);
}

void vk_overcommit_reserves(long *admin, long *user)
{
	*admin = READ_ONCE(*vk_admin_reserve_kbytes) >> (PAGE_SHIFT - 10);
	*user = READ_ONCE(*vk_user_reserve_kbytes) >> (PAGE_SHIFT - 10);
}

long vk_mm_total_pages(const void *mm)
{
	return READ_ONCE(((const struct mm_struct *)mm)->total_vm);
}

/* The writer's task is the whole owner word; bit 0 marks a reader: kernel/locking/rwsem.c. */
static bool vk_mm_write_locked_by_current(const struct mm_struct *mm)
{
	unsigned long owner = atomic_long_read(&mm->mmap_lock.owner);

	return !(owner & 1) && (owner & ~3UL) == (unsigned long)current;
}

/*
 * What a task was charged for since it took the mmap write lock it holds.
 *
 * A fork is charged VMA by VMA before the child's mm is on any list, so a recount in the middle
 * of one would miss all of the child. mm_lock_seq changes with every write lock, so charges with
 * the same task and sequence belong together. A slot that many tasks fight for may be lost: the
 * recount then misses that task's fork, nothing more.
 */
#define VK_IN_FLIGHT_SLOTS 256
#define VK_IN_FLIGHT_WAYS 8
static struct vk_in_flight {
	struct task_struct *task;	/* a key, never followed */
	unsigned int seq;
	long pages;
} vk_in_flight[VK_IN_FLIGHT_SLOTS];

long vk_overcommit_in_flight(const void *p, long pages)
{
	const struct mm_struct *mm = p;
	struct vk_in_flight *slot, *mine = NULL;
	unsigned int start, i, seq;

	if (!mm || current->mm != mm || !vk_mm_write_locked_by_current(mm))
		return 0;
	seq = mm->mm_lock_seq.sequence;
	start = hash_ptr(current, 8) & ~(VK_IN_FLIGHT_WAYS - 1);
	for (i = 0; i < VK_IN_FLIGHT_WAYS; i++) {
		slot = &vk_in_flight[start + i];
		if (READ_ONCE(slot->task) == current) {
			mine = slot;
			break;
		}
		if (!mine && !READ_ONCE(slot->task))
			mine = slot;
	}
	if (!mine)
		mine = &vk_in_flight[start + (hash_ptr(current, 16) & (VK_IN_FLIGHT_WAYS - 1))];
	if (READ_ONCE(mine->task) != current || mine->seq != seq) {
		WRITE_ONCE(mine->task, current);
		mine->seq = seq;
		mine->pages = 0;
	}
	mine->pages += pages;
	return mine->pages - pages;
}

static unsigned long vk_mm_walk(struct mm_struct *mm, unsigned long *vmas)
{
	struct vm_area_struct *vma;
	unsigned long pages = 0;
	VMA_ITERATOR(vmi, mm, 0);

	for_each_vma(vmi, vma) {
		(*vmas)++;
		if (vma->vm_flags & VM_ACCOUNT)
			pages += vma_pages(vma);
	}
	return pages;
}

/* The mm of @task's thread group if the group owns it, with a reference; under RCU. */
static struct mm_struct *vk_owned_mm(struct task_struct *task)
{
	struct task_struct *t, *owner;
	struct mm_struct *mm = NULL;

	/* The leader may be a zombie without mm while other threads live. */
	for_each_thread(task, t) {
		mm = get_task_mm(t);
		if (mm)
			break;
	}
	if (!mm)
		return NULL;
	/* vfork and CLONE_VM: one mm, counted for its owner only. */
	owner = rcu_dereference(mm->owner);
	if (owner && !same_thread_group(owner, task)) {
		mmput_async(mm);
		return NULL;
	}
	return mm;
}

#define VK_RECOUNT_VMAS 65536
#define VK_RECOUNT_NS (10 * NSEC_PER_MSEC)

long vk_ns_accounted_pages(const void *p, long *unlocked)
{
	struct pid_namespace *ns = (struct pid_namespace *)p;
	u64 end = ktime_get_mono_fast_ns() + VK_RECOUNT_NS;
	unsigned long vmas = 0;
	long sum = 0;
	int nr;

	*unlocked = 0;
	for (nr = 1; ; nr++) {
		struct mm_struct *mm = NULL;
		struct task_struct *task;
		struct pid *pid;
		int try;

		rcu_read_lock();
		/* Sees the pids of descendants too: alloc_pid() gives each one a number per level. */
		pid = find_ge_pid(nr, ns);
		if (pid) {
			nr = pid_nr_ns(pid, ns);
			task = pid_task(pid, PIDTYPE_TGID);
			if (task)
				mm = vk_owned_mm(task);
		}
		rcu_read_unlock();
		if (!pid)
			return sum;
		if (!mm)
			continue;

		if (vk_mm_write_locked_by_current(mm)) {
			sum += vk_mm_walk(mm, &vmas);
		} else {
			/* Never waits: we may hold a mmap lock ourselves, and two tasks that
			 * recount each other would deadlock. */
			for (try = 0; try < 3 && !mmap_read_trylock(mm); try++)
				cpu_relax();
			if (try < 3) {
				sum += vk_mm_walk(mm, &vmas);
				mmap_read_unlock(mm);
			} else {
				sum += vk_mm_total_pages(mm);
				*unlocked += vk_mm_total_pages(mm);
			}
		}
		mmput_async(mm);
		if (vmas > VK_RECOUNT_VMAS || ktime_get_mono_fast_ns() > end)
			return -EAGAIN;
	}
}

bool vk_may_recount(void)
{
	/* swapoff asks under swap_lock: mm/swapfile.c. */
	return !in_atomic() && !irqs_disabled();
}

void vk_overcommit_warn(long pages)
{
	unsigned long bytes_failed = (unsigned long)pages << PAGE_SHIFT;

	/* The words of __vm_enough_memory(), so that existing tooling sees them. */
	pr_warn_ratelimited("__vm_enough_memory: pid: %d, comm: %s, bytes: %lu not enough memory for the allocation\n",
			    current->pid, current->comm, bytes_failed);
}

/* ---- Transparent huge pages: mm/huge_memory.c ---- */

bool vk_vma_is_anonymous(const void *vma)
{
	return vma_is_anonymous((struct vm_area_struct *)vma);
}

bool vk_vma_is_shmem(const void *p)
{
	const struct vm_area_struct *vma = p;

	return vma->vm_file && shmem_mapping(vma->vm_file->f_mapping);
}

bool vk_vma_is_huge_pfn(const void *p)
{
	const struct vm_area_struct *vma = p;

	return (vma->vm_flags & VM_PFNMAP) && vma->vm_ops && vma->vm_ops->huge_fault;
}

bool vk_vm_flags_hugepage(unsigned long vm_flags)
{
	return vm_flags & VM_HUGEPAGE;
}

bool vk_vm_flags_nohugepage(unsigned long vm_flags)
{
	return vm_flags & VM_NOHUGEPAGE;
}

unsigned int vk_pmd_order(void)
{
	return HPAGE_PMD_ORDER;
}

unsigned int vk_thpsize_order(const void *p)
{
	const struct kobject *kobj = p;

	return to_thpsize(kobj)->order;
}

/* Whether the gate is open, and the host's own bit behind it; under *vk_orders_lock. */
static bool vk_gate_open;
static bool vk_host_always;
static int vk_min_free_before, vk_min_free_raised;

static bool vk_thp_global(unsigned int bit)
{
	return READ_ONCE(*vk_thp_flags) & (1UL << bit);
}

/* The host's mode of PMD order as huge_anon_orders_* had it without the gate. */
static bool vk_host_order_always(void)
{
	return READ_ONCE(vk_gate_open) ? READ_ONCE(vk_host_always) :
	       test_bit(HPAGE_PMD_ORDER, vk_orders_always);
}

/* The test of thp_vma_allowable_orders(), for PMD order, of the host's own values. */
static bool vk_thp_host_allows(unsigned long vm_flags)
{
	bool advised = vm_flags & VM_HUGEPAGE;

	if (vk_host_order_always())
		return true;
	if (advised && test_bit(HPAGE_PMD_ORDER, vk_orders_madvise))
		return true;
	if (!test_bit(HPAGE_PMD_ORDER, vk_orders_inherit))
		return false;
	return vk_thp_global(TRANSPARENT_HUGEPAGE_FLAG) ||
	       (advised && vk_thp_global(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG));
}

unsigned int vk_thp_host_enabled(void)
{
	if (vk_thp_host_allows(0))
		return 0;
	return vk_thp_host_allows(VM_HUGEPAGE) ? 1 : 2;
}

bool vk_thp_gate_is_open(void)
{
	return READ_ONCE(vk_gate_open);
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
void vk_before_wake_up_new_task(struct task_struct *task);
void vk_before_delayed_free_pidns(struct rcu_head *rcu);
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

unsigned long vk_host_thp_allowable_orders_call(const void *vma, unsigned long vm_flags, int type,
						unsigned long orders)
{
	return static_call(vk_host_thp_allowable_orders)(vma, vm_flags, type, orders);
}

long vk_host_anon_enabled_show_call(const void *kobj, const void *attr, void *buf)
{
	return static_call(vk_host_anon_enabled_show)(kobj, attr, buf);
}

long vk_host_anon_enabled_store_call(const void *kobj, const void *attr, const void *buf,
				     unsigned long count)
{
	return static_call(vk_host_anon_enabled_store)(kobj, attr, buf, count);
}

/* ---- Shadows: the host's own policy while the gate is open ---- */

static notrace unsigned long vk_shadow_thp_allowable_orders(const void *vma, unsigned long vm_flags,
							    int type, unsigned long orders)
{
	if (type != TVA_FORCED_COLLAPSE && (orders & BIT(HPAGE_PMD_ORDER)) &&
	    vk_vma_is_anonymous(vma) && !vk_thp_host_allows(vm_flags)) {
		orders &= ~BIT(HPAGE_PMD_ORDER);
		if (!orders)
			return 0;
	}
	return static_call(vk_original_thp_allowable_orders)(vma, vm_flags, type, orders);
}

static notrace long vk_shadow_anon_enabled_show(const void *kobj, const void *attr, void *buf)
{
	const char *text;

	if (vk_thpsize_order(kobj) != HPAGE_PMD_ORDER)
		return static_call(vk_original_anon_enabled_show)(kobj, attr, buf);
	if (vk_host_order_always())
		text = "[always] inherit madvise never";
	else if (test_bit(HPAGE_PMD_ORDER, vk_orders_inherit))
		text = "always [inherit] madvise never";
	else if (test_bit(HPAGE_PMD_ORDER, vk_orders_madvise))
		text = "always inherit [madvise] never";
	else
		text = "always inherit madvise [never]";
	return sysfs_emit(buf, "%s\n", text);
}

/* As anon_enabled_store() and set_anon_enabled_mode(), with vk_host_always for the open bit. */
static notrace long vk_shadow_anon_enabled_store(const void *kobj, const void *attr,
						 const void *buf, unsigned long count)
{
	static const char *const modes[] = { "always", "inherit", "madvise", "never" };
	int mode, err;

	if (vk_thpsize_order(kobj) != HPAGE_PMD_ORDER)
		return static_call(vk_original_anon_enabled_store)(kobj, attr, buf, count);
	mode = sysfs_match_string(modes, buf);
	if (mode < 0)
		return -EINVAL;

	spin_lock(vk_orders_lock);
	vk_host_always = mode == 0;
	if (!vk_gate_open)
		__assign_bit(HPAGE_PMD_ORDER, vk_orders_always, mode == 0);
	__assign_bit(HPAGE_PMD_ORDER, vk_orders_inherit, mode == 1);
	__assign_bit(HPAGE_PMD_ORDER, vk_orders_madvise, mode == 2);
	spin_unlock(vk_orders_lock);
	err = static_call(vk_start_stop_khugepaged)();
	return err ? err : (long)count;
}

/*
 * The gate.
 *
 * 1. The hooks of the feature are armed and verified (the caller's duty).
 * 2. The host's way out of the stubs is switched to the shadows.
 * 3. The bit is set under the kernel's lock for it, the host's own bit kept aside.
 * 4. khugepaged is started, as the kernel does after a store.
 */
int vk_thp_gate_open(void)
{
	int err;

	if (vk_gate_open)
		return 0;
	if (vk_hooks[VK_HOOK_THP_ALLOWABLE_ORDERS].state != VK_STATE_ARMED ||
	    vk_hooks[VK_HOOK_ANON_ENABLED_SHOW].state != VK_STATE_ARMED ||
	    vk_hooks[VK_HOOK_ANON_ENABLED_STORE].state != VK_STATE_ARMED)
		return -ENODEV;

	static_call_update(vk_host_thp_allowable_orders, vk_shadow_thp_allowable_orders);
	static_call_update(vk_host_anon_enabled_show, vk_shadow_anon_enabled_show);
	static_call_update(vk_host_anon_enabled_store, vk_shadow_anon_enabled_store);

	vk_min_free_before = READ_ONCE(*vk_min_free_kbytes);
	spin_lock(vk_orders_lock);
	vk_host_always = test_bit(HPAGE_PMD_ORDER, vk_orders_always);
	WRITE_ONCE(vk_gate_open, true);
	__set_bit(HPAGE_PMD_ORDER, vk_orders_always);
	spin_unlock(vk_orders_lock);

	err = static_call(vk_start_stop_khugepaged)();
	vk_min_free_raised = READ_ONCE(*vk_min_free_kbytes);
	if (err)
		vk_thp_gate_close();
	return err;
}

/* Whether the host's own settings keep huge pages on, so that its min_free_kbytes stays raised. */
static bool vk_thp_host_uses_huge_pages(void)
{
	return vk_thp_global(TRANSPARENT_HUGEPAGE_FLAG) ||
	       vk_thp_global(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG) ||
	       READ_ONCE(*vk_orders_always) || READ_ONCE(*vk_orders_madvise);
}

/*
 * 1. The host's own bit is put back under the lock.
 * 2. RCU-tasks: a task preempted between the inline gate and the call must still find the hook.
 * 3. The stubs lead the host to the original again.
 * 4. khugepaged is stopped if nobody needs it, and min_free_kbytes is what it was, unless
 *    somebody set it meanwhile.
 */
int vk_thp_gate_close(void)
{
	int err;

	if (!vk_gate_open)
		return 0;
	spin_lock(vk_orders_lock);
	__assign_bit(HPAGE_PMD_ORDER, vk_orders_always, vk_host_always);
	WRITE_ONCE(vk_gate_open, false);
	spin_unlock(vk_orders_lock);

	synchronize_rcu_tasks();
	__static_call_update(&STATIC_CALL_KEY(vk_host_thp_allowable_orders),
			     STATIC_CALL_TRAMP_ADDR(vk_host_thp_allowable_orders),
			     static_call_query(vk_original_thp_allowable_orders));
	__static_call_update(&STATIC_CALL_KEY(vk_host_anon_enabled_show),
			     STATIC_CALL_TRAMP_ADDR(vk_host_anon_enabled_show),
			     static_call_query(vk_original_anon_enabled_show));
	__static_call_update(&STATIC_CALL_KEY(vk_host_anon_enabled_store),
			     STATIC_CALL_TRAMP_ADDR(vk_host_anon_enabled_store),
			     static_call_query(vk_original_anon_enabled_store));

	err = static_call(vk_start_stop_khugepaged)();
	if (READ_ONCE(*vk_min_free_kbytes) == vk_min_free_raised &&
	    vk_min_free_raised != vk_min_free_before && !vk_thp_host_uses_huge_pages()) {
		WRITE_ONCE(*vk_min_free_kbytes, vk_min_free_before);
		static_call(vk_setup_per_zone_wmarks)();
	}
	return err;
}

/* enabled_show and enabled_store are not unique names: taken from the attribute itself. */
static struct kobj_attribute *vk_thp_enabled_attr(void)
{
	struct attribute **a;

	for (a = vk_hugepage_attr; a && *a; a++)
		if (!strcmp((*a)->name, "enabled"))
			return container_of(*a, struct kobj_attribute, attr);
	return NULL;
}

static unsigned long vk_find_thp_enabled_show(void)
{
	struct kobj_attribute *attr = vk_thp_enabled_attr();

	return attr ? (unsigned long)attr->show : 0;
}

static unsigned long vk_find_thp_enabled_store(void)
{
	struct kobj_attribute *attr = vk_thp_enabled_attr();

	return attr ? (unsigned long)attr->store : 0;
}

bool vk_copy_out(void *buffer, unsigned long room, const unsigned char *text, unsigned long len)
{
	if (len > room)
		return false;
	memcpy(buffer, text, len);
	return true;
}

/* ---- Birth and end of a namespace ---- */

/*
 * Before wake_up_new_task(): @task has its final cgroup, mm and credentials, but has not run
 * one instruction. Process context of the parent, may sleep. The first number of a namespace
 * may come again after a failed fork, so birth is idempotent.
 */
notrace void vk_before_wake_up_new_task(struct task_struct *task)
{
	struct pid *pid = task_pid(task);
	int slot;

	if (pid->numbers[pid->level].nr != 1)
		return;
	slot = vk_flight_enter(VK_HOOK_WAKE_UP_NEW_TASK);
	vk_handler_birth(pid->numbers[pid->level].ns);
	vk_flight_leave(VK_HOOK_WAKE_UP_NEW_TASK, slot);
}

/* Before delayed_free_pidns(): an RCU callback, nothing may sleep. Once per namespace. */
notrace void vk_before_delayed_free_pidns(struct rcu_head *rcu)
{
	vk_handler_end(container_of(rcu, struct pid_namespace, rcu));
}

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
		      THP, REPL, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_ANON_ENABLED_SHOW, "anon_enabled_show", anon_enabled_show,
		      THP, SHADOW, CURRENT),
	VK_HOOK_ENTRY(VK_HOOK_ANON_ENABLED_STORE, "anon_enabled_store", anon_enabled_store,
		      THP, SHADOW, CURRENT),
};

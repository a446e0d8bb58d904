// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commit accounting: the host's values, a container's exact sum. The kernel's own is mm/util.c.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/percpu_counter.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include "vk_series.h"

DEFINE_STATIC_CALL_NULL(vk_hugetlb_total_pages, *(unsigned long (*)(void))NULL);

static struct percpu_counter *vk_committed_as;
static s32 *vk_committed_as_batch;
static long *vk_total_swap_pages;
static int *vk_host_overcommit_memory, *vk_host_overcommit_ratio;
static unsigned long *vk_host_overcommit_kbytes;
static unsigned long *vk_admin_reserve_kbytes, *vk_user_reserve_kbytes;

void vk_overcommit_bind(void)
{
	VK_BIND_CALL(vk_hugetlb_total_pages, "hugetlb_total_pages");
	VK_BIND(vk_committed_as, "vm_committed_as");
	VK_BIND(vk_committed_as_batch, "vm_committed_as_batch");
	VK_BIND(vk_total_swap_pages, "total_swap_pages");
	VK_BIND(vk_host_overcommit_memory, "sysctl_overcommit_memory");
	VK_BIND(vk_host_overcommit_ratio, "sysctl_overcommit_ratio");
	VK_BIND(vk_host_overcommit_kbytes, "sysctl_overcommit_kbytes");
	VK_BIND(vk_admin_reserve_kbytes, "sysctl_admin_reserve_kbytes");
	VK_BIND(vk_user_reserve_kbytes, "sysctl_user_reserve_kbytes");
	vk_host_commit_bind();
}

notrace void vk_overcommit_account(long pages)
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
	return VK_READ(vk_total_swap_pages);
}

void vk_overcommit_host(int *mode, int *ratio, unsigned long *kbytes)
{
	*mode = VK_READ(vk_host_overcommit_memory);
	*ratio = VK_READ(vk_host_overcommit_ratio);
	*kbytes = VK_READ(vk_host_overcommit_kbytes);
}

void vk_overcommit_reserves(long *admin, long *user)
{
	*admin = VK_READ(vk_admin_reserve_kbytes) >> (PAGE_SHIFT - 10);
	*user = VK_READ(vk_user_reserve_kbytes) >> (PAGE_SHIFT - 10);
}

/*
 * The writer's task is the owner word but for bit 1, for spinners; bit 0 marks a reader:
 * kernel/locking/rwsem.c.
 */
static bool vk_mm_write_locked_by_current(const struct mm_struct *mm)
{
	unsigned long owner = atomic_long_read(&mm->mmap_lock.owner);

	return (owner & ~2UL) == (unsigned long)current;
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

/* The slot of current, else an empty one, else its own, whoever has it; made current's. */
static struct vk_in_flight *vk_in_flight_claim(unsigned int own)
{
	struct vk_in_flight *slot, *empty = NULL;
	unsigned int i;

	for (i = 0; i < VK_IN_FLIGHT_WAYS; i++) {
		slot = vk_in_flight + (own ^ i);
		if (READ_ONCE(slot->task) == current)
			return slot;
		if (!empty && !READ_ONCE(slot->task))
			empty = slot;
	}
	slot = empty ?: vk_in_flight + own;
	WRITE_ONCE(slot->task, current);
	slot->pages = 0;
	return slot;
}

static bool vk_is_in_flight(const struct mm_struct *mm)
{
	return mm && current->mm == mm && vk_mm_write_locked_by_current(mm);
}

static long vk_in_flight_add(struct vk_in_flight *slot, const struct mm_struct *mm, long pages)
{
	unsigned int seq = mm->mm_lock_seq.sequence;
	long before = slot->seq == seq ? slot->pages : 0;

	slot->seq = seq;
	slot->pages = before + pages;
	return before;
}

static unsigned int vk_in_flight_own(void)
{
	return hash_ptr(current, ilog2(VK_IN_FLIGHT_SLOTS));
}

long vk_overcommit_in_flight(const void *mm, long pages)
{
	if (!vk_is_in_flight(mm))
		return 0;
	return vk_in_flight_add(vk_in_flight_claim(vk_in_flight_own()), mm, pages);
}

static noinline void vk_overcommit_charge_claiming(const void *mm, long pages)
{
	vk_overcommit_in_flight(mm, pages);
	vk_overcommit_account(pages);
}

notrace void vk_overcommit_charge(const void *mm, long pages)
{
	if (vk_is_in_flight(mm)) {
		struct vk_in_flight *slot = vk_in_flight + vk_in_flight_own();

		if (READ_ONCE(slot->task) != current)
			return vk_overcommit_charge_claiming(mm, pages);
		vk_in_flight_add(slot, mm, pages);
	}
	vk_overcommit_account(pages);
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
/* So few are always counted: a virtual machine may be stopped for longer than it all takes. */
#define VK_RECOUNT_SURE 1024
#define VK_RECOUNT_NS (10 * NSEC_PER_MSEC)

/* Whether a task's mm is to be counted; under RCU. */
static bool vk_is_wanted(struct task_struct *task, bool (*wanted)(const void *ns))
{
	struct pid *pid = task_pid(task);

	return !wanted || (pid && pid->level && wanted(ns_of_pid(pid)));
}

long vk_accounted_pages(struct pid_namespace *ns, bool (*wanted)(const void *ns), long *unlocked)
{
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
			if (task && vk_is_wanted(task, wanted))
				mm = vk_owned_mm(task);
		}
		rcu_read_unlock();
		if (!pid)
			return sum;
		if (!mm)
			continue;
		/* Asked before each one, so that one address space is always counted to its end. */
		if (vmas > VK_RECOUNT_VMAS ||
		    (vmas > VK_RECOUNT_SURE && ktime_get_mono_fast_ns() > end)) {
			mmput_async(mm);
			return -EAGAIN;
		}

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
	}
}

long vk_ns_accounted_pages(const void *ns, long *unlocked)
{
	return vk_accounted_pages((struct pid_namespace *)ns, NULL, unlocked);
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

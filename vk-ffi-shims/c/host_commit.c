// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host in mode 2, while containers are in modes 0 and 1 of their own.
 *
 * What they commit is in the global counter, up to any amount, and would starve the host. So a
 * task of the host is judged by that counter first, as the kernel does, and only when that would
 * refuse it by what the host alone holds: the counter less an exact recount of such containers.
 * Between two recounts the host's sum is an estimate that only grows, like a container's.
 *
 * A container in mode 2 is held to a limit, so what it holds stays in the sum, as does shared
 * memory, which no recount of mappings sees. Nothing is subtracted for an mm that could not be
 * looked at, and nothing at all if the recount did not finish; then the task waits a little and
 * asks again, where it may.
 *
 * Lock order: vk_gate_lock, then the kernel's text_mutex.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mutex.h>
#include <linux/percpu_counter.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include "vk_series.h"

static struct percpu_counter *vk_committed_as;
static int *vk_host_mode;

void vk_host_commit_bind(void)
{
	VK_BIND(vk_committed_as, "vm_committed_as");
	VK_BIND(vk_host_mode, "sysctl_overcommit_memory");
}

__weak notrace bool vk_handler_apart(const void *ns)
{
	return false;
}

/* ---- What the host holds ---- */

/* All that the host was charged for since the gate was opened, nothing given back. */
static atomic64_t vk_host_charged;
/* With that added: not less than what the host holds; once it was counted. */
static atomic64_t vk_host_base = ATOMIC64_INIT(S64_MAX / 2);
/*
 * One at a time, and ten times as long without one as the last one took: as it should take at
 * most, if the machine stood still meanwhile.
 */
#define VK_HOST_PAUSE_NS (100 * NSEC_PER_MSEC)
static atomic_t vk_host_recounting;
static u64 vk_host_not_before_ns;

static s64 vk_host_held(void)
{
	return atomic64_read(&vk_host_base) + atomic64_read(&vk_host_charged);
}

/*
 * The counter is read on both sides of the walk: what a container maps or unmaps meanwhile is in
 * one of the two, and the greater one counts.
 */
static bool vk_host_recount(void)
{
	s64 charged = atomic64_read(&vk_host_charged);
	s64 before = percpu_counter_sum_positive(vk_committed_as);
	long unlocked, apart;

	apart = vk_accounted_pages(&init_pid_ns, vk_handler_apart, &unlocked);
	if (apart < 0)
		return false;
	before = max(before, percpu_counter_sum_positive(vk_committed_as));
	atomic64_set(&vk_host_base, before - (apart - unlocked) - charged);
	return !unlocked;
}

/* Returns whether all was counted just now. */
static bool vk_host_try_recount(void)
{
	u64 took, begun = ktime_get_mono_fast_ns();
	bool is_whole;

	if (!vk_may_recount() || begun < READ_ONCE(vk_host_not_before_ns) ||
	    atomic_cmpxchg_acquire(&vk_host_recounting, 0, 1))
		return false;
	is_whole = vk_host_recount();
	took = ktime_get_mono_fast_ns() - begun;
	WRITE_ONCE(vk_host_not_before_ns, begun + took + min(10 * took, VK_HOST_PAUSE_NS));
	atomic_set_release(&vk_host_recounting, 0);
	return is_whole;
}

/* As might_sleep() would have it. */
static bool vk_may_wait_here(void)
{
	return preemptible() && !rcu_preempt_depth();
}

/* So long a refusal may be put off, in jiffies. */
#define VK_HOST_WAIT max(HZ / 10, 1)

/*
 * A lock that was taken, another's recount or our own pause may hide that there is room. Where the
 * task may wait, it asks again a little later. It holds its mmap lock then and waits for time alone,
 * which is what the original's callers do for memory right after.
 */
static bool vk_host_has_room_soon(s64 allowed)
{
	int slot = vk_flight_enter(vk_hook_vm_enough_memory.id);
	unsigned long end = jiffies + VK_HOST_WAIT;
	bool is_whole;

	do {
		schedule_timeout_uninterruptible(1);
		is_whole = vk_host_try_recount();
	} while (!is_whole && vk_host_held() >= allowed && time_before(jiffies, end) &&
		 !fatal_signal_pending(current));
	vk_flight_leave(vk_hook_vm_enough_memory.id, slot);
	return vk_host_held() < allowed;
}

static noinline bool vk_host_has_room(s64 allowed)
{
	bool is_whole;

	if (vk_host_held() < allowed)
		return true;
	is_whole = vk_host_try_recount();
	if (vk_host_held() < allowed)
		return true;
	return !is_whole && vk_may_wait_here() && vk_host_has_room_soon(allowed);
}

/* As __vm_enough_memory(): mm/util.c. Any context. */
static notrace int vk_shadow_vm_enough_memory(vk_charged_mm_t mm, long pages, int cap_sys_admin)
{
	long admin, user, allowed;

	if (VK_READ(vk_host_mode) != OVERCOMMIT_NEVER)
		return static_call(vk_original_vm_enough_memory)(mm, pages, cap_sys_admin);

	vk_overcommit_account(pages);
	atomic64_add(pages, &vk_host_charged);
	vk_overcommit_reserves(&admin, &user);
	allowed = static_call(vk_original_vm_commit_limit)();
	if (!cap_sys_admin)
		allowed -= admin;
	if (mm)
		allowed -= min_t(long, mm->total_vm / 32, user);
	if (percpu_counter_read_positive(vk_committed_as) < allowed || vk_host_has_room(allowed))
		return 0;

	vk_overcommit_warn(pages);
	atomic64_sub(pages, &vk_host_charged);
	vk_overcommit_account(-pages);
	return -ENOMEM;
}

/* ---- The gate ---- */

static DEFINE_MUTEX(vk_gate_lock);
static bool vk_gate_open;

/* Forgets what was counted: of what was charged meanwhile nothing is known. */
static void vk_host_forget(void)
{
	while (atomic_cmpxchg_acquire(&vk_host_recounting, 0, 1))
		cond_resched();
	atomic64_set(&vk_host_base, S64_MAX / 2);
	atomic_set_release(&vk_host_recounting, 0);
}

/*
 * Only in mode 2 the host pays more than the stub. RCU-tasks: who was led to the original has
 * moved the counter before anything is counted to stay.
 */
static void vk_host_lead(void)
{
	if (VK_READ(vk_host_mode) == OVERCOMMIT_NEVER) {
		static_call_update(vk_host_vm_enough_memory, vk_shadow_vm_enough_memory);
		synchronize_rcu_tasks();
		vk_host_forget();
	} else {
		__static_call_update(&STATIC_CALL_KEY(vk_host_vm_enough_memory),
				     STATIC_CALL_TRAMP_ADDR(vk_host_vm_enough_memory),
				     static_call_query(vk_original_vm_enough_memory));
	}
}

/*
 * Before the mode may become 2: nobody shall be judged by it alone. Who is in the original now is
 * perhaps missed by a recount; vk_host_lead() forgets that one.
 */
static void vk_host_expect(void)
{
	if (VK_READ(vk_host_mode) == OVERCOMMIT_NEVER)
		return;
	vk_host_forget();
	static_call_update(vk_host_vm_enough_memory, vk_shadow_vm_enough_memory);
}

/* The original, and what follows from the new mode. It sleeps. */
static notrace int vk_shadow_overcommit_policy_handler(const struct ctl_table *table, int write,
						       void *buffer, size_t *lenp, loff_t *ppos)
{
	int slot, ret;

	if (!write)
		return static_call(vk_original_overcommit_policy_handler)(table, write, buffer,
									  lenp, ppos);
	slot = vk_flight_enter(vk_hook_overcommit_policy_handler.id);
	mutex_lock(&vk_gate_lock);
	if (vk_gate_open)
		vk_host_expect();
	mutex_unlock(&vk_gate_lock);
	ret = static_call(vk_original_overcommit_policy_handler)(table, write, buffer, lenp, ppos);
	mutex_lock(&vk_gate_lock);
	if (vk_gate_open)
		vk_host_lead();
	mutex_unlock(&vk_gate_lock);
	vk_flight_leave(vk_hook_overcommit_policy_handler.id, slot);
	return ret;
}

/*
 * 1. The host's writes are switched to the shadow.
 * 2. The mode there is now decides where the host's charges go. A write that sleeps in the original
 *    meanwhile is missed: to the host it is as without the module until the next one, and the
 *    shadow looks at the mode itself.
 */
int vk_host_commit_open(void)
{
	if (vk_hook_vm_enough_memory.state != VK_STATE_ARMED ||
	    vk_hook_overcommit_policy_handler.state != VK_STATE_ARMED)
		return -ENODEV;
	mutex_lock(&vk_gate_lock);
	if (!vk_gate_open) {
		vk_gate_open = true;
		static_call_update(vk_host_overcommit_policy_handler,
				   vk_shadow_overcommit_policy_handler);
		vk_host_lead();
	}
	mutex_unlock(&vk_gate_lock);
	return 0;
}

/* Plain ways again; who is in a shadow is waited for when the hooks go. */
void vk_host_commit_close(void)
{
	mutex_lock(&vk_gate_lock);
	if (vk_gate_open) {
		vk_gate_open = false;
		__static_call_update(&STATIC_CALL_KEY(vk_host_vm_enough_memory),
				     STATIC_CALL_TRAMP_ADDR(vk_host_vm_enough_memory),
				     static_call_query(vk_original_vm_enough_memory));
		__static_call_update(&STATIC_CALL_KEY(vk_host_overcommit_policy_handler),
				     STATIC_CALL_TRAMP_ADDR(vk_host_overcommit_policy_handler),
				     static_call_query(vk_original_overcommit_policy_handler));
	}
	mutex_unlock(&vk_gate_lock);
}

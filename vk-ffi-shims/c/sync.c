// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks, RCU, work and the module's reference.
 *
 * Lock order: control mutex, then registry lock; the event lock and that of edges are taken last and
 * nothing under them.
 */
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include "vk_shims.h"

static DEFINE_SPINLOCK(vk_registry_spinlock);
static DEFINE_RAW_SPINLOCK(vk_event_spinlock);
static DEFINE_MUTEX(vk_control_mutex);

unsigned long vk_registry_lock(void)
{
	unsigned long flags;

	spin_lock_irqsave(&vk_registry_spinlock, flags);
	return flags;
}

void vk_registry_unlock(unsigned long flags)
{
	spin_unlock_irqrestore(&vk_registry_spinlock, flags);
}

unsigned long vk_event_lock(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vk_event_spinlock, flags);
	return flags;
}

void vk_event_unlock(unsigned long flags)
{
	raw_spin_unlock_irqrestore(&vk_event_spinlock, flags);
}

void vk_control_lock(void)
{
	mutex_lock(&vk_control_mutex);
}

bool vk_control_trylock(void)
{
	return mutex_trylock(&vk_control_mutex);
}

void vk_control_unlock(void)
{
	mutex_unlock(&vk_control_mutex);
}

void vk_rcu_read_lock(void)
{
	rcu_read_lock();
}

void vk_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

void vk_synchronize_rcu(void)
{
	synchronize_rcu();
}

void vk_rcu_barrier(void)
{
	rcu_barrier();
}

/* What the caller of vk_call_rcu() keeps three words for. */
struct vk_rcu {
	struct rcu_head rcu;
	void (*fn)(void *head);
};

static_assert(sizeof(struct vk_rcu) == 3 * sizeof(void *));

static void vk_rcu_done(struct rcu_head *rcu)
{
	struct vk_rcu *head = container_of(rcu, struct vk_rcu, rcu);

	head->fn(head);
}

void vk_call_rcu(void *p, void (*fn)(void *head))
{
	struct vk_rcu *head = p;

	head->fn = fn;
	call_rcu(&head->rcu, vk_rcu_done);
}

void vk_module_get(void)
{
	__module_get(THIS_MODULE);
}

bool vk_module_try_get(void)
{
	return try_module_get(THIS_MODULE);
}

void vk_module_put(void)
{
	module_put(THIS_MODULE);
}

unsigned long long vk_clock_ns(void)
{
	return ktime_get_mono_fast_ns();
}

notrace unsigned long vk_coarse_jiffies(void)
{
	return jiffies >> ilog2(HZ / 10);
}

int vk_current_pid(void)
{
	return task_pid_nr(current);
}

void vk_current_comm(unsigned char *comm)
{
	strscpy_pad((char *)comm, current->comm, TASK_COMM_LEN);
}

bool vk_opener_admin(const void *file)
{
	return file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
}

bool vk_current_admin(void)
{
	return ns_capable(&init_user_ns, CAP_SYS_ADMIN);
}

void vk_sleep_ms(unsigned int ms)
{
	msleep(ms);
}

/* For a module that asks for nothing later. */
__weak void vk_handler_later(void)
{
}

/* The one piece of work that runs later: disarming what nobody needs any more. */
static void vk_later_run(struct work_struct *work)
{
	vk_handler_later();
}

static DECLARE_DELAYED_WORK(vk_later_work, vk_later_run);

void vk_later(unsigned int delay_ms)
{
	mod_delayed_work(system_dfl_wq, &vk_later_work, msecs_to_jiffies(delay_ms));
}

void vk_later_cancel(void)
{
	cancel_delayed_work_sync(&vk_later_work);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bell: readers sleep until it is rung. Rung from hooks and RCU callbacks, with whatever locks
 * the kernel holds there, so the waking is left to an irq_work of its own.
 *
 * Who rings: writes what happened down, then rings (1, fully ordered), then looks for sleepers (2).
 * Who waits: reads the count (3), looks at what happened, sleeps unless the count has changed (4).
 * (1) pairs with the acquire in (3): a new count comes with what was written before it. (2) pairs
 * with the barrier in set_current_state() of (4): a sleeper is seen, or sees the new count.
 */
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/wait.h>
#include "vk_shims.h"

static DECLARE_WAIT_QUEUE_HEAD(vk_bell_queue);
static atomic_long_t vk_bell_count;

static void vk_bell_wake(struct irq_work *work)
{
	wake_up_interruptible(&vk_bell_queue);
}

static DEFINE_IRQ_WORK(vk_bell_work, vk_bell_wake);

unsigned long vk_bell_rung(void)
{
	return atomic_long_read_acquire(&vk_bell_count);	/* (3) */
}

void vk_bell_ring(void)
{
	atomic_long_inc_return(&vk_bell_count);			/* (1) */
	if (wq_has_sleeper(&vk_bell_queue))			/* (2) */
		irq_work_queue(&vk_bell_work);
}

int vk_bell_wait(unsigned long rung)
{
	return wait_event_interruptible(vk_bell_queue, vk_bell_rung() != rung);	/* (4) */
}

void vk_bell_settle(void)
{
	irq_work_sync(&vk_bell_work);
}

bool vk_may_wait(const void *p)
{
	const struct kiocb *iocb = p;

	return !(iocb->ki_flags & IOCB_NOWAIT) && !(iocb->ki_filp->f_flags & O_NONBLOCK);
}

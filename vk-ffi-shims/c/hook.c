// SPDX-License-Identifier: GPL-2.0-only
/*
 * Back end F: the kernel's own ftrace writes a direct jump over its nop at the entry of a
 * function. No instruction is displaced; the original goes on behind the nop.
 *
 * States: planned -> armed -> draining -> planned. The control mutex serialises all changes.
 *
 * Lock order: control mutex, then the kernel's direct_mutex and text_mutex.
 */
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/ibt.h>
#include "vk_hook.h"

const char *vk_feature_refusal[VK_FEATURES];

static const char *const vk_feature_names[VK_FEATURES] = {
	[VK_FEATURE_LIFECYCLE] = "lifecycle",
	[VK_FEATURE_SYSCTL] = "sysctl",
	[VK_FEATURE_OVERCOMMIT] = "overcommit",
	[VK_FEATURE_THP] = "thp",
};

static void vk_static_call_set(struct static_call_key *key, void *trampoline, unsigned long to)
{
	__static_call_update(key, trampoline, (void *)to);
}

/* Says why a symbol cannot be used, or NULL. */
static const char *vk_symbol_refusal(const char *name)
{
	struct vk_symbol *s;

	for (s = vk_symbols; s->name; s++) {
		if (strcmp(s->name, name))
			continue;
		if (!s->matches)
			return "no such symbol in this kernel";
		if (s->matches > 1)
			return "the symbol is not unique";
		if (s->sibling)
			return "the symbol has a sibling whose ABI differs";
		return NULL;
	}
	return "the symbol was not asked for";
}

static const char *vk_hook_plan(struct vk_hook *h)
{
	const char *unserved = vk_site_refusal();

	if (h->find) {
		h->function = h->find();
		if (!h->function)
			return "its address was not found in the kernel's data";
	} else {
		const char *why = vk_symbol_refusal(h->symbol);

		if (why)
			return why;
		h->function = vk_symbol(h->symbol)->address;
	}
	if (unserved)
		return unserved;

	/* With or without ENDBR in front; 0 when ftrace does not know the function. */
	h->site = vk_function_site(h->function);
	if (!h->site)
		return "ftrace has no site in the function";
	if (copy_from_kernel_nofault(h->planned_bytes, (void *)h->function, VK_ENTRY_BYTES))
		return "its first bytes cannot be read";

	vk_static_call_set(h->original, h->original_trampoline, h->site + MCOUNT_INSN_SIZE);
	if (h->host)
		vk_static_call_set(h->host, h->host_trampoline, h->site + MCOUNT_INSN_SIZE);

	if (ftrace_set_filter_ip(&h->ops, h->site, 0, 1))
		return "ftrace does not take the site";
	/* Without it kernel.ftrace_enabled=0 would silently take the hook away. */
	h->ops.flags |= FTRACE_OPS_FL_PERMANENT;
	return NULL;
}

int vk_resolve(void)
{
	struct vk_symbol *s;
	unsigned int id;
	int err = vk_symbols_resolve();

	if (err)
		return err;
	for (s = vk_symbols; s->name; s++) {
		const char *why = vk_symbol_refusal(s->name);

		if (why && s->feature < VK_FEATURES && !vk_feature_refusal[s->feature]) {
			vk_feature_refusal[s->feature] = why;
			pr_warn("vkernel: %s refused: %s: %s\n", vk_feature_names[s->feature],
				s->name, why);
		}
	}
	vk_series_bind();
	for (id = 0; id < VK_HOOKS; id++) {
		struct vk_hook *h = &vk_hooks[id];

		h->refusal = vk_hook_plan(h);
		h->state = h->refusal ? VK_STATE_ABSENT : VK_STATE_PLANNED;
		if (h->refusal && !vk_feature_refusal[h->feature]) {
			vk_feature_refusal[h->feature] = h->refusal;
			pr_warn("vkernel: %s refused: %s: %s\n", vk_feature_names[h->feature],
				h->symbol, h->refusal);
		}
	}
	return 0;
}

/*
 * Whether the site jumps to our stub, or calls into ftrace because a tracer shares it (which
 * then goes on to the stub: ftrace_regs_caller honours the direct call of the ops).
 */
static bool vk_hook_verify(const struct vk_hook *h)
{
	unsigned char insn[MCOUNT_INSN_SIZE];
	s32 distance;

	if (copy_from_kernel_nofault(insn, (void *)h->site, sizeof(insn)))
		return false;
	memcpy(&distance, insn + 1, sizeof(distance));
	if (insn[0] == 0xe9)
		return h->site + MCOUNT_INSN_SIZE + distance == (unsigned long)h->stub;
	return insn[0] == 0xe8;
}

int vk_hook_arm(unsigned int id)
{
	struct vk_hook *h = &vk_hooks[id];
	int err;

	if (h->state == VK_STATE_ARMED)
		return 0;
	if (h->state != VK_STATE_PLANNED)
		return -ENODEV;
	err = vk_site_divert(h);
	if (err)
		return err;
	h->state = VK_STATE_ARMED;
	if (vk_hook_verify(h))
		return 0;

	err = vk_hook_disarm(id);
	if (!err) {
		h->state = VK_STATE_PLANNED;
		err = -EILSEQ;
	}
	return err;
}

int vk_hook_disarm(unsigned int id)
{
	struct vk_hook *h = &vk_hooks[id];
	int err;

	if (h->state != VK_STATE_ARMED)
		return 0;
	/*
	 * Waits for RCU-tasks itself. An error means that ftrace could not restore the site:
	 * the stub must stay.
	 */
	err = vk_site_restore(h);
	if (err)
		return err;
	h->state = VK_STATE_DRAINING;
	return 0;
}

void vk_hooks_synchronize(void)
{
	synchronize_rcu_tasks();
}

/* ---- Tasks that sleep in a handler ---- */

/*
 * RCU-tasks takes a sleeping task for one that left, so handlers that may sleep say so here.
 * A slot names the task; when all slots are taken only the count is kept.
 */
#define VK_FLIGHTS 64
static struct {
	int pid;
	unsigned int id;
} vk_flights[VK_FLIGHTS];

int vk_flight_enter(unsigned int id)
{
	int i, pid = task_pid_nr(current);

	atomic_inc(&vk_hooks[id].sleepers);
	/* Orders the count before whatever the handler sleeps on; pairs with vk_hooks_drain(). */
	smp_mb__after_atomic();
	for (i = 0; i < VK_FLIGHTS; i++) {
		if (!cmpxchg(&vk_flights[i].pid, 0, pid)) {
			WRITE_ONCE(vk_flights[i].id, id);
			return i;
		}
	}
	return -1;
}

void vk_flight_leave(unsigned int id, int slot)
{
	if (slot >= 0)
		smp_store_release(&vk_flights[slot].pid, 0);
	smp_mb__before_atomic();
	atomic_dec(&vk_hooks[id].sleepers);
}

static bool vk_hooks_sleeper(int *pid, unsigned int *id)
{
	unsigned int h;
	int i;

	for (h = 0; h < VK_HOOKS; h++) {
		/* Who is inside a hook that stays is none of the business of one that goes. */
		if (vk_hooks[h].state != VK_STATE_DRAINING ||
		    !atomic_read(&vk_hooks[h].sleepers))
			continue;
		*id = h;
		*pid = 0;
		for (i = 0; i < VK_FLIGHTS; i++)
			if (READ_ONCE(vk_flights[i].pid) && READ_ONCE(vk_flights[i].id) == h)
				*pid = READ_ONCE(vk_flights[i].pid);
		return true;
	}
	return false;
}

int vk_hooks_drain(unsigned int timeout_ms, int *pid, unsigned int *id)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	bool draining = false;
	unsigned int h;

	for (h = 0; h < VK_HOOKS; h++)
		draining |= vk_hooks[h].state == VK_STATE_DRAINING;
	if (!draining)
		return 0;

	/* Everyone past a stub's first instruction is counted as a sleeper now, or has left. */
	synchronize_rcu_tasks();
	while (vk_hooks_sleeper(pid, id)) {
		if (time_after(jiffies, end))
			return -EBUSY;
		msleep(10);
	}
	/* The instructions between the uncounting and the way out. */
	synchronize_rcu_tasks();
	for (h = 0; h < VK_HOOKS; h++)
		if (vk_hooks[h].state == VK_STATE_DRAINING)
			vk_hooks[h].state = VK_STATE_PLANNED;
	return 0;
}

void vk_hooks_barrier(void)
{
	unsigned int h;

	for (h = 0; h < VK_HOOKS; h++)
		ftrace_free_filter(&vk_hooks[h].ops);
	rcu_barrier();
	/* A task that let go of the module as its last deed here may have been preempted since. */
	synchronize_rcu_tasks();
}

/* ---- What is told about hooks ---- */

const char *vk_refusal(unsigned int id)
{
	const char *why;

	if (id < VK_HOOKS)
		why = vk_hooks[id].refusal;
	else
		why = id - VK_HOOKS < VK_FEATURES ? vk_feature_refusal[id - VK_HOOKS] : NULL;
	return why ?: "";
}

const char *vk_hook_symbol(unsigned int id)
{
	return vk_hooks[id].symbol;
}

const char *vk_feature_name(unsigned int feature)
{
	return vk_feature_names[feature];
}

unsigned int vk_hook_feature(unsigned int id)
{
	return vk_hooks[id].feature;
}

unsigned int vk_hook_kind(unsigned int id)
{
	return vk_hooks[id].kind;
}

unsigned int vk_hook_subject(unsigned int id)
{
	return vk_hooks[id].subject;
}

unsigned int vk_hook_state(unsigned int id)
{
	return vk_hooks[id].state;
}

unsigned long vk_hook_address(unsigned int id)
{
	return vk_hooks[id].function;
}

unsigned int vk_hook_entry(unsigned int id, unsigned char *out, unsigned int len)
{
	len = min_t(unsigned int, len, VK_ENTRY_BYTES);
	if (!vk_hooks[id].function ||
	    copy_from_kernel_nofault(out, (void *)vk_hooks[id].function, len))
		return 0;
	return len;
}

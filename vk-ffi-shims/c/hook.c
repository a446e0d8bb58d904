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

/* A module without a line of vk_hooks.h has an empty table. */
asm (".pushsection .data.vk_hook_table, \"aw\", @progbits\n\t"
     ".balign 8\n\t"
     ".weak vk_hook_table\n\t"
     ".weak vk_hook_table_end\n"
     "vk_hook_table:\n"
     "vk_hook_table_end:\n\t"
     ".popsection");

const char *vk_feature_refusal[VK_FEATURES];

static const char *const vk_feature_names[VK_FEATURES] = {
	[VK_FEATURE_LIFECYCLE] = "lifecycle",
	[VK_FEATURE_SYSCTL] = "sysctl",
	[VK_FEATURE_OVERCOMMIT] = "overcommit",
	[VK_FEATURE_THP] = "thp",
	[VK_FEATURE_THP_DEFRAG] = "thp-defrag",
	[VK_FEATURE_THP_SHMEM] = "thp-shmem",
	[VK_FEATURE_THP_ZERO_PAGE] = "thp-zero-page",
	[VK_FEATURE_THP_VOTE] = "thp-vote",
	[VK_FEATURE_THP_VOTE_SCAN] = "thp-vote-scan",
	[VK_FEATURE_THP_VOTE_FILE] = "thp-vote-file",
	[VK_FEATURE_PARAMETERS] = "parameters",
	[VK_FEATURE_PERMISSION] = "permission",
	[VK_FEATURE_PROTECTION] = "protection",
	[VK_FEATURE_MAPS] = "maps",
	[VK_FEATURE_MIN_ADDR] = "min-addr",
	[VK_FEATURE_DESCRIPTORS] = "descriptors",
	[VK_FEATURE_PIPES] = "pipes",
	[VK_FEATURE_MOUNTS] = "mounts",
	[VK_FEATURE_THREADS] = "threads",
	[VK_FEATURE_LOG] = "log",
	[VK_FEATURE_FILES] = "files",
};

void vk_hook_lead(unsigned int id, unsigned long to)
{
	struct vk_hook *h = vk_hook_table[id];

	if (!to && h->site)
		to = h->site + MCOUNT_INSN_SIZE;
	__static_call_update(h->original, h->original_trampoline, (void *)to);
	if (h->host)
		__static_call_update(h->host, h->host_trampoline, (void *)to);
}

/* Says why a symbol cannot be used, or NULL. */
static const char *vk_symbol_refusal(const struct vk_symbol *s)
{
	if (!s->matches)
		return "no such symbol in this kernel";
	if (s->matches > 1)
		return "the symbol is not unique";
	if (s->sibling)
		return "the symbol has a sibling whose ABI differs";
	return NULL;
}

/* Says why back end F cannot take the function, or NULL. */
static const char *vk_hook_plan_ftrace(struct vk_hook *h)
{
	const char *unserved = vk_site_refusal();

	if (unserved)
		return unserved;
	/* With or without ENDBR in front; 0 when ftrace does not know the function. */
	h->site = vk_function_site(h->function);
	if (!h->site)
		return "ftrace has no site in the function";
	vk_hook_lead(h->id, 0);
	if (ftrace_set_filter_ip(&h->ops, h->site, 0, 1))
		return "ftrace does not take the site";
	/* Without it kernel.ftrace_enabled=0 would silently take the hook away. */
	h->ops.flags |= FTRACE_OPS_FL_PERMANENT;
	return NULL;
}

/* Whether an earlier hook of the table is on the same function. */
static bool vk_hook_is_second(const struct vk_hook *h)
{
	const struct vk_hook *earlier;
	unsigned int id;

	vk_each_hook(earlier, id)
		if (id < h->id && earlier->function == h->function)
			return true;
	return false;
}

static const char *vk_hook_plan(struct vk_hook *h)
{
	const char *no_ftrace;

	if (h->find) {
		h->function = h->find();
		if (!h->function)
			return "its address was not found in the kernel's data";
	} else {
		const char *why = vk_symbol_refusal(&h->by_name);

		if (why)
			return why;
		h->function = h->by_name.address;
	}
	if (vk_hook_is_second(h))
		return "another hook of this module is on the same function";
	if (copy_from_kernel_nofault(h->planned_bytes, (void *)h->function, VK_ENTRY_BYTES))
		return "its first bytes cannot be read";

	h->choice = vk_hooks_choice();
	no_ftrace = vk_hook_plan_ftrace(h);
	/* Back end P needs nothing of ftrace. */
	return h->choice == VK_CHOICE_PREFER && h->kind != VK_KIND_SHADOW ? NULL : no_ftrace;
}

/* Says once why a feature, or what belongs to none, is not served. */
static void vk_refuse(unsigned int feature, const char *what, const char *why)
{
	if (feature < VK_FEATURES && vk_feature_refusal[feature])
		return;
	if (feature < VK_FEATURES)
		vk_feature_refusal[feature] = why;
	pr_warn("%s: %s%s: %s: %s\n", KBUILD_MODNAME,
		feature < VK_FEATURES ? vk_feature_names[feature] : "hook", " refused", what, why);
}

int vk_resolve(void)
{
	struct vk_symbol *s;
	struct vk_hook *h;
	unsigned int id;
	int err = vk_symbols_resolve();

	if (err)
		return err;
	for (s = vk_symbols; s->name; s++) {
		const char *why = vk_symbol_refusal(s);

		if (why && s->feature < VK_FEATURES)
			vk_refuse(s->feature, s->name, why);
	}
	vk_site_bind();
	vk_series_bind();
	vk_each_hook(h, id) {
		h->id = id;
		h->refusal = vk_hook_plan(h);
		h->state = h->refusal ? VK_STATE_ABSENT : VK_STATE_PLANNED;
		if (h->refusal)
			vk_refuse(h->feature, h->symbol, h->refusal);
	}
	return 0;
}

/*
 * Whether the site jumps to our stub, or calls into ftrace because a tracer shares it (which
 * then goes on to the stub: ftrace_regs_caller honours the direct call of the ops).
 */
bool vk_hook_verify(const struct vk_hook *h)
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
	struct vk_hook *h = vk_hook_table[id];
	int err;

	if (h->state == VK_STATE_ARMED)
		return 0;
	if (h->state != VK_STATE_PLANNED || !h->site)
		return -ENODEV;
	if (*vk_hook_rival(id))
		return -EEXIST;
	/* The originals of back end P are behind a jump of ours. */
	if (h->backend == VK_BACKEND_INLINE)
		vk_hook_lead(id, 0);
	h->backend = VK_BACKEND_FTRACE;
	err = vk_site_divert(h);
	if (err)
		return err;
	h->state = VK_STATE_ARMED;
	if (vk_hook_verify(h))
		return 0;

	err = vk_site_restore(h);
	if (!err) {
		h->state = VK_STATE_PLANNED;
		err = -EILSEQ;
	}
	return err;
}

int vk_hook_disarm(unsigned int id)
{
	struct vk_hook *h = vk_hook_table[id];
	int err;

	if (h->state != VK_STATE_ARMED)
		return 0;
	/* ftrace would find what it did not write, and switch itself off for the whole system. */
	if (!vk_hook_verify(h))
		return -EILSEQ;
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

int vk_hooks_ask_host(unsigned int feature, bool asked)
{
	struct vk_hook *h;
	unsigned int id;

	vk_each_hook(h, id)
		if (asked && h->feature == feature && h->asked && h->state != VK_STATE_ARMED)
			return -ENODEV;
	vk_each_hook(h, id) {
		if (h->feature != feature || !h->asked || h->state == VK_STATE_ABSENT)
			continue;
		__static_call_update(h->host, h->host_trampoline,
				     asked ? h->asked : h->original->func);
	}
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

	atomic_inc(&vk_hook_table[id]->sleepers);
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
	atomic_dec(&vk_hook_table[id]->sleepers);
}

static bool vk_hooks_sleeper(int *pid, unsigned int *id)
{
	struct vk_hook *h;
	unsigned int nth;
	int i;

	vk_each_hook(h, nth) {
		/* Who is inside a hook that stays is none of the business of one that goes. */
		if (h->state != VK_STATE_DRAINING || !atomic_read(&h->sleepers))
			continue;
		*id = nth;
		*pid = 0;
		for (i = 0; i < VK_FLIGHTS; i++)
			if (READ_ONCE(vk_flights[i].pid) && READ_ONCE(vk_flights[i].id) == nth)
				*pid = READ_ONCE(vk_flights[i].pid);
		return true;
	}
	return false;
}

int vk_hooks_drain(unsigned int timeout_ms, int *pid, unsigned int *id)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	bool draining = false;
	struct vk_hook *h;
	unsigned int nth;

	vk_each_hook(h, nth)
		draining |= h->state == VK_STATE_DRAINING;
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
	vk_each_hook(h, nth)
		if (h->state == VK_STATE_DRAINING)
			h->state = VK_STATE_PLANNED;
	return 0;
}

void vk_hooks_barrier(void)
{
	struct vk_hook *h;
	unsigned int id;

	vk_each_hook(h, id)
		ftrace_free_filter(&h->ops);
	vk_inline_exit();
	rcu_barrier();
	/* A task that let go of the module as its last deed here may have been preempted since. */
	synchronize_rcu_tasks();
}

/* ---- What is told about hooks ---- */

void vk_say(bool is_error, const unsigned char *text, unsigned long len)
{
	if (is_error)
		pr_err("%s: %.*s\n", KBUILD_MODNAME, (int)len, text);
	else
		pr_notice("%s: %.*s\n", KBUILD_MODNAME, (int)len, text);
}

unsigned int vk_hook_count(void)
{
	return VK_HOOKS;
}

const char *vk_refusal(unsigned int id)
{
	return vk_hook_table[id]->refusal ?: "";
}

const char *vk_feature_refused(unsigned int feature)
{
	return feature < VK_FEATURES && vk_feature_refusal[feature] ?
	       vk_feature_refusal[feature] : "";
}

unsigned int vk_hook_id(const void *hook)
{
	return ((const struct vk_hook *)hook)->id;
}

unsigned int vk_hook_code(unsigned int id, unsigned int nth)
{
	return nth <= VK_ARGUMENTS ? vk_hook_table[id]->codes[nth] : 0;
}

unsigned int vk_hook_arguments(unsigned int id)
{
	return vk_hook_table[id]->arguments;
}

const char *vk_hook_takes(unsigned int id)
{
	return vk_hook_table[id]->takes;
}

bool vk_hook_is_named(unsigned int id)
{
	const struct vk_hook *h = vk_hook_table[id];

	return h->by_name.name && !h->refusal;
}

const char *vk_hook_held(unsigned int id)
{
	return vk_hook_table[id]->held;
}

void vk_hook_refuse(unsigned int id, const unsigned char *why, unsigned long len)
{
	struct vk_hook *h = vk_hook_table[id];

	if (h->state != VK_STATE_PLANNED)
		return;
	len = min(len, sizeof(h->why) - 1);
	memcpy(h->why, why, len);
	h->why[len] = '\0';
	h->refusal = h->why;
	h->state = VK_STATE_ABSENT;
	vk_refuse(h->feature, h->symbol, h->refusal);
}

const char *vk_hook_symbol(unsigned int id)
{
	return vk_hook_table[id]->symbol;
}

const char *vk_feature_name(unsigned int feature)
{
	return vk_feature_names[feature];
}

unsigned int vk_hook_feature(unsigned int id)
{
	return vk_hook_table[id]->feature;
}

unsigned int vk_hook_kind(unsigned int id)
{
	return vk_hook_table[id]->kind;
}

unsigned int vk_hook_subject(unsigned int id)
{
	return vk_hook_table[id]->subject;
}

unsigned int vk_hook_state(unsigned int id)
{
	return vk_hook_table[id]->state;
}

unsigned long vk_hook_address(unsigned int id)
{
	return vk_hook_table[id]->function;
}

unsigned int vk_hook_entry(unsigned int id, unsigned char *out, unsigned int len)
{
	len = min_t(unsigned int, len, VK_ENTRY_BYTES);
	if (!vk_hook_table[id]->function ||
	    copy_from_kernel_nofault(out, (void *)vk_hook_table[id]->function, len))
		return 0;
	return len;
}

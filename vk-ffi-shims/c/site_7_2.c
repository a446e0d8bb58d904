// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux 7.2: how a function is diverted, and what a namespace is called. For every module.
 */
#include <linux/mutex.h>
#include <linux/nstree.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include "vk_series.h"

struct vk_symbol vk_site_symbols[] = {
	{ "ftrace_location", .feature = VK_FEATURES },
	/* What inline hooks need: c/inline.c. */
	{ "kprobe_mutex", .feature = VK_FEATURES },
	{ "text_mutex", .feature = VK_FEATURES },
	{ "text_poke", .feature = VK_FEATURES },
	{ "jump_label_lock", .feature = VK_FEATURES },
	{ "jump_label_unlock", .feature = VK_FEATURES },
	{ "ftrace_text_reserved", .feature = VK_FEATURES },
	{ "jump_label_text_reserved", .feature = VK_FEATURES },
	{ "static_call_text_reserved", .feature = VK_FEATURES },
	{ "alternatives_text_reserved", .feature = VK_FEATURES },
	{ "within_kprobe_blacklist", .feature = VK_FEATURES },
	{ "get_kprobe", .feature = VK_FEATURES },
	{ "find_bug", .feature = VK_FEATURES },
	{ "search_exception_tables", .feature = VK_FEATURES },
	{ "core_kernel_text", .feature = VK_FEATURES },
	{ "kallsyms_lookup_size_offset", .feature = VK_FEATURES },
	{ "ftrace_find_rec_direct", .feature = VK_FEATURES },
	{ "klp_find_ops", .feature = VK_FEATURES },
	{ "klp_mutex", .feature = VK_FEATURES },
	{ "ns_tree_lookup_rcu", .feature = VK_FEATURES },
	/* What tells this kernel from another: c/build.c. */
	{ "__start_notes", .feature = VK_FEATURES },
	{ "__stop_notes", .feature = VK_FEATURES },
	{ "__start_BTF", .feature = VK_FEATURES },
	{ "__stop_BTF", .feature = VK_FEATURES },
	{ }
};

DEFINE_STATIC_CALL_NULL(vk_ftrace_direct, *(unsigned long (*)(unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_klp_find_ops, *(void *(*)(void *))NULL);
static struct mutex *vk_klp_mutex;
DEFINE_STATIC_CALL_NULL(vk_ns_tree_lookup, *(struct ns_common *(*)(u64, int))NULL);
static bool vk_has_ns_tree;
DEFINE_STATIC_CALL_NULL(vk_ftrace_location, *(unsigned long (*)(unsigned long))NULL);

void vk_site_bind(void)
{
	VK_BIND_CALL(vk_ftrace_location, "ftrace_location");
	VK_BIND_CALL(vk_ftrace_direct, "ftrace_find_rec_direct");
	VK_BIND_CALL(vk_klp_find_ops, "klp_find_ops");
	VK_BIND(vk_klp_mutex, "klp_mutex");
	VK_BIND_CALL(vk_ns_tree_lookup, "ns_tree_lookup_rcu");
	vk_has_ns_tree = vk_symbol("ns_tree_lookup_rcu");
}

/* ---- Sites: ftrace writes a direct jump ---- */

unsigned long vk_function_site(unsigned long function)
{
	return static_call(vk_ftrace_location)(function);
}

unsigned long vk_site_direct(unsigned long site)
{
	return vk_symbol("ftrace_find_rec_direct") ? static_call(vk_ftrace_direct)(site) : 0;
}

bool vk_function_is_patched(unsigned long function)
{
	void *found;

	if (!vk_klp_mutex || !vk_symbol("klp_find_ops"))
		return false;
	mutex_lock(vk_klp_mutex);
	found = static_call(vk_klp_find_ops)((void *)function);
	mutex_unlock(vk_klp_mutex);
	return found;
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

/*
 * kernel/nstree.c: a tree of all pid namespaces, ordered by id, that readers search under RCU. One is
 * in it from create_pid_namespace() until before the grace period that frees it.
 */
const void *vk_ns_look_up(unsigned long long id)
{
	struct ns_common *found;

	if (!vk_has_ns_tree)
		return ERR_PTR(-EOPNOTSUPP);
	found = static_call(vk_ns_tree_lookup)(id, CLONE_NEWPID);
	return found ? container_of(found, struct pid_namespace, ns) : NULL;
}

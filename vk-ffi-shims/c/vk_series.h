/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between a series file and the files that the series share: those compile against each
 * series, and know its functions only by the static calls and symbols declared here.
 */
#ifndef VK_SERIES_H
#define VK_SERIES_H

#include "vk_hook.h"

/* ---- Of the series file ---- */

unsigned long vk_handler_thp_allowable_orders(const void *vma, unsigned long vm_flags, int type,
					      unsigned long orders);
long vk_handler_thp_enabled_store(const void *kobj, const void *attr, const void *buf,
				  unsigned long count);
long vk_handler_anon_enabled_show(const void *kobj, const void *attr, void *buf);
long vk_handler_anon_enabled_store(const void *kobj, const void *attr, const void *buf,
				   unsigned long count);

DECLARE_STATIC_CALL(vk_original_thp_allowable_orders, vk_handler_thp_allowable_orders);
DECLARE_STATIC_CALL(vk_original_thp_enabled_store, vk_handler_thp_enabled_store);
DECLARE_STATIC_CALL(vk_original_anon_enabled_show, vk_handler_anon_enabled_show);
DECLARE_STATIC_CALL(vk_original_anon_enabled_store, vk_handler_anon_enabled_store);
DECLARE_STATIC_CALL(vk_host_thp_allowable_orders, vk_handler_thp_allowable_orders);
DECLARE_STATIC_CALL(vk_host_thp_enabled_store, vk_handler_thp_enabled_store);
DECLARE_STATIC_CALL(vk_host_anon_enabled_show, vk_handler_anon_enabled_show);
DECLARE_STATIC_CALL(vk_host_anon_enabled_store, vk_handler_anon_enabled_store);

/* ---- Of the shared files ---- */

/* Called by vk_series_bind(). */
void vk_overcommit_bind(void);
void vk_thp_bind(void);

/* The functions behind transparent_hugepage/enabled, whose names are not unique. */
unsigned long vk_find_thp_enabled_show(void);
unsigned long vk_find_thp_enabled_store(void);

/* What the stubs of hooks without an answer of their own call. */
struct rcu_head;
struct task_struct;
void vk_before_wake_up_new_task(struct task_struct *task);
void vk_before_delayed_free_pidns(struct rcu_head *rcu);

/* ---- Symbols ---- */

#define VK_BIND(pointer, name) do {					\
	struct vk_symbol *found = vk_symbol(name);			\
	pointer = found ? (typeof(pointer))found->address : NULL;	\
} while (0)

/* The value of a variable of the kernel that may not be there: a refused feature is asked too. */
#define VK_READ(pointer) ((pointer) ? READ_ONCE(*(pointer)) : (typeof(*(pointer)))0)

#define VK_BIND_CALL(call, name) do {					\
	struct vk_symbol *found = vk_symbol(name);			\
	if (found)							\
		static_call_update(call, (void *)found->address);	\
} while (0)

#endif

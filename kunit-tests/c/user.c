// SPDX-License-Identifier: GPL-2.0-only
/* User space, as far as a test starts it or borrows its memory. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kobject.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/umh.h>
#include "vk_kunit.h"

int vk_kunit_shell(const char *script)
{
	static char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", NULL };
	char *argv[] = { "/bin/sh", "-c", (char *)script, NULL };

	return call_usermodehelper(argv[0], argv, env, UMH_WAIT_PROC);
}

static struct mm_struct *vk_mm_of(int nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm = NULL;

	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	put_pid(pid);
	return mm;
}

int vk_kunit_with_mm_of(int pid, void (*run)(void *data, const void *mm), void *data)
{
	struct mm_struct *mm;

	if (!(current->flags & PF_KTHREAD) || current->mm)
		return -EINVAL;
	mm = vk_mm_of(pid);
	if (!mm)
		return -ESRCH;
	kthread_use_mm(mm);
	run(data, mm);
	kthread_unuse_mm(mm);
	mmput(mm);
	return 0;
}

int vk_kunit_with_owner(int nr, void (*run)(void *data, const void *mm), void *data)
{
	struct mm_struct *mm = kzalloc(sizeof(*mm), GFP_KERNEL);
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	int error = -ESRCH;
	int tries;

	put_pid(pid);
	if (!mm || !task)
		goto out;
	rcu_assign_pointer(mm->owner, task);
	run(data, mm);
	for (tries = 0; pid_alive(task) && tries < 1000; tries++)
		msleep(10);
	error = pid_alive(task) ? -ETIMEDOUT : 0;
	run(data, mm);
out:
	if (task)
		put_task_struct(task);
	kfree(mm);
	return error;
}

bool vk_kunit_is_loaded(const char *module)
{
	struct kobject *found = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, module);

	kobject_put(found);
	return found;
}

int vk_kunit_with_page_of(int pid, void (*run)(void *data, const void *folio, unsigned long id),
			  void *data)
{
	struct mm_struct *mm = vk_mm_of(pid);
	struct mem_cgroup *memcg, *before;
	struct page *page;

	if (!mm)
		return -ESRCH;
	memcg = get_mem_cgroup_from_mm(mm);
	mmput(mm);
	before = set_active_memcg(memcg);
	page = alloc_page(GFP_KERNEL_ACCOUNT);
	set_active_memcg(before);
	if (page) {
		run(data, page_folio(page), page_cgroup_ino(page));
		__free_page(page);
	}
	mem_cgroup_put(memcg);
	return page ? 0 : -ENOMEM;
}

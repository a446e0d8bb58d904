// SPDX-License-Identifier: GPL-2.0-only
/* Kernel threads that run at once, one on each CPU. */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include "vk_kunit.h"

struct vk_crew {
	void (*run)(void *data, unsigned int index);
	void *data;
	atomic_t at_work;
	struct completion all_done;
};

struct vk_worker {
	struct vk_crew *crew;
	unsigned int index;
	struct task_struct *task;
};

static int vk_worker_main(void *p)
{
	struct vk_worker *worker = p;
	struct vk_crew *crew = worker->crew;

	crew->run(crew->data, worker->index);
	if (atomic_dec_and_test(&crew->at_work))
		complete(&crew->all_done);
	return 0;
}

static unsigned int vk_nth_online_cpu(unsigned int n)
{
	return cpumask_nth(n % num_online_cpus(), cpu_online_mask);
}

/* Lets the threads go and waits until each is gone; one that was never woken does not run. */
static void vk_workers_join(struct vk_worker *workers, unsigned int count)
{
	while (count--) {
		kthread_stop(workers[count].task);
		put_task_struct(workers[count].task);
	}
}

int vk_kunit_threads(unsigned int count, void (*run)(void *data, unsigned int index), void *data)
{
	struct vk_crew crew = { .run = run, .data = data, .at_work = ATOMIC_INIT(count) };
	struct vk_worker *workers;
	unsigned int i;
	int err = 0;

	if (!count)
		return 0;
	workers = kcalloc(count, sizeof(*workers), GFP_KERNEL);
	if (!workers)
		return -ENOMEM;
	init_completion(&crew.all_done);
	for (i = 0; i < count; i++) {
		struct task_struct *task;

		workers[i].crew = &crew;
		workers[i].index = i;
		task = kthread_create_on_cpu(vk_worker_main, &workers[i], vk_nth_online_cpu(i),
					     "vk_kunit/%u");
		if (IS_ERR(task)) {
			err = PTR_ERR(task);
			break;
		}
		workers[i].task = get_task_struct(task);
	}
	if (!err) {
		for (i = 0; i < count; i++)
			wake_up_process(workers[i].task);
		wait_for_completion(&crew.all_done);
	}
	vk_workers_join(workers, i);
	kfree(workers);
	return err;
}

unsigned int vk_kunit_cpus(void)
{
	return num_online_cpus();
}

unsigned int vk_kunit_cpu(void)
{
	return raw_smp_processor_id();
}

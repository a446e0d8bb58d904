// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/vkbench: `way` takes the name of a way, a read of `calls` measures in the reader's
 * context and gives "MIN MEDIAN ANSWER": ticks of the time-stamp counter for one call, and what
 * security_vkbench(7) returned.
 */
#include <linux/debugfs.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <asm/msr.h>
#include "vk_bench.h"

#define VK_BENCH_CALLS 2000
#define VK_BENCH_WARM_UP 16

static DEFINE_MUTEX(vk_bench_mutex);
static u32 vk_bench_costs[VK_BENCH_CALLS];
static struct dentry *vk_bench_dir;

static u32 vk_bench_one_call(void)
{
	unsigned long flags;
	u64 start, end;

	/* Nothing else may run in between: the counter counts its instructions too. */
	local_irq_save(flags);
	start = rdtsc();
	security_vkbench(7);
	end = rdtsc();
	local_irq_restore(flags);
	return end - start;
}

static int vk_bench_compare(const void *a, const void *b)
{
	u32 left = *(const u32 *)a, right = *(const u32 *)b;

	return left < right ? -1 : left > right;
}

static ssize_t vk_bench_calls_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	char text[48];
	unsigned int i;
	int n;

	if (*pos)
		return 0;
	scoped_guard(mutex, &vk_bench_mutex) {
		for (i = 0; i < VK_BENCH_WARM_UP; i++)
			vk_bench_one_call();
		for (i = 0; i < VK_BENCH_CALLS; i++)
			vk_bench_costs[i] = vk_bench_one_call();
		sort(vk_bench_costs, VK_BENCH_CALLS, sizeof(u32), vk_bench_compare, NULL);
		n = scnprintf(text, sizeof(text), "%u %u %d\n", vk_bench_costs[0],
			      vk_bench_costs[VK_BENCH_CALLS / 2], security_vkbench(7));
	}
	return simple_read_from_buffer(to, len, pos, text, n);
}

static ssize_t vk_bench_way_write(struct file *file, const char __user *from, size_t len,
				  loff_t *pos)
{
	char name[32];
	int err;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, from, len))
		return -EFAULT;
	name[len] = '\0';
	scoped_guard(mutex, &vk_bench_mutex)
		err = vk_bench_way(strim(name));
	return err ?: len;
}

static const struct file_operations vk_bench_calls_fops = {
	.owner = THIS_MODULE,
	.read = vk_bench_calls_read,
};

static const struct file_operations vk_bench_way_fops = {
	.owner = THIS_MODULE,
	.write = vk_bench_way_write,
};

int vk_bench_open(void)
{
	const char *why = vk_bench_refusal();

	if (why) {
		pr_err("vk_bench: %s\n", why);
		return -EOPNOTSUPP;
	}
	vk_bench_dir = debugfs_create_dir("vkbench", NULL);
	debugfs_create_file("calls", 0400, vk_bench_dir, NULL, &vk_bench_calls_fops);
	debugfs_create_file("way", 0200, vk_bench_dir, NULL, &vk_bench_way_fops);
	return 0;
}

void vk_bench_close(void)
{
	debugfs_remove_recursive(vk_bench_dir);
	WARN_ON(vk_bench_way("plain"));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * fs.pipe-max-size, fs.pipe-user-pages-{hard,soft}: how large a pipe may be, and all of a user's.
 * The kernel's own is fs/pipe.c.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/user.h>
#include "vk_limit.h"

/* PIPE_MIN_DEF_BUFFERS of fs/pipe.c. */
#define VK_PIPE_MIN_BUFFERS 2

DEFINE_STATIC_CALL_NULL(vk_get_pipe_info,
			*(struct pipe_inode_info *(*)(struct file *, bool))NULL);
DEFINE_STATIC_CALL_NULL(vk_pipe_resize_ring,
			*(int (*)(struct pipe_inode_info *, unsigned int))NULL);
DEFINE_STATIC_CALL_NULL(vk_account_pipe_buffers,
			*(unsigned long (*)(struct user_struct *, unsigned long, unsigned long))NULL);
DEFINE_STATIC_CALL_NULL(vk_free_pipe_info, *(void (*)(struct pipe_inode_info *))NULL);

void vk_pipe_bind(void)
{
	VK_BIND_CALL(vk_get_pipe_info, "get_pipe_info");
	VK_BIND_CALL(vk_pipe_resize_ring, "pipe_resize_ring");
	VK_BIND_CALL(vk_account_pipe_buffers, "account_pipe_buffers");
	VK_BIND_CALL(vk_free_pipe_info, "free_pipe_info");
}

/* Called by the stubs alone. */
long vk_judge_pipe_fcntl(struct file *file, unsigned int cmd, unsigned int arg);
struct pipe_inode_info *vk_handler_alloc_pipe_info(void);

static bool vk_is_unprivileged(void)
{
	return !capable(CAP_SYS_RESOURCE) && !capable(CAP_SYS_ADMIN);
}

/* What all pipes of the user come to when @pipe has @slots. */
static unsigned long vk_user_bufs(const struct pipe_inode_info *pipe, unsigned int slots)
{
	return atomic_long_read(&pipe->user->pipe_bufs) - READ_ONCE(pipe->nr_accounted) + slots;
}

/* As pipe_set_size(), under no lock: who resizes the same pipe meanwhile is judged too. */
long vk_judge_pipe_fcntl(struct file *file, unsigned int cmd, unsigned int arg)
{
	struct pipe_inode_info *pipe;
	unsigned long bytes, slots;

	if (cmd != F_SETPIPE_SZ || arg > (1U << 31))
		return 0;
	pipe = static_call(vk_get_pipe_info)(file, false);
	if (!pipe || pipe_has_watch_queue(pipe))
		return 0;
	bytes = roundup_pow_of_two(max_t(unsigned long, arg, PAGE_SIZE));
	slots = bytes >> PAGE_SHIFT;
	if (slots <= READ_ONCE(pipe->max_usage))
		return 0;
	if (vk_exceeds_current(VK_PARAMETER_PIPE_MAX_SIZE, bytes) && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if ((vk_exceeds_current(VK_PARAMETER_PIPE_USER_PAGES_HARD, vk_user_bufs(pipe, slots)) ||
	     vk_exceeds_current(VK_PARAMETER_PIPE_USER_PAGES_SOFT, vk_user_bufs(pipe, slots))) &&
	    vk_is_unprivileged())
		return -EPERM;
	return 0;
}

/*
 * Brings a new pipe, which nobody else has seen, to the size that alloc_pipe_info() would have given
 * it by the values of current. False if it may not be at all.
 */
static bool vk_pipe_fit(struct pipe_inode_info *pipe)
{
	unsigned int slots = pipe->max_usage, before = pipe->nr_accounted;
	unsigned long long bytes;

	if (slots * PAGE_SIZE > vk_bound(VK_PARAMETER_PIPE_MAX_SIZE, NULL) &&
	    vk_value_current(VK_PARAMETER_PIPE_MAX_SIZE, &bytes) && slots * PAGE_SIZE > bytes &&
	    !capable(CAP_SYS_RESOURCE))
		slots = bytes >> PAGE_SHIFT;
	if (slots > VK_PIPE_MIN_BUFFERS &&
	    vk_exceeds_current(VK_PARAMETER_PIPE_USER_PAGES_SOFT, vk_user_bufs(pipe, slots)) &&
	    vk_is_unprivileged())
		slots = VK_PIPE_MIN_BUFFERS;
	if (vk_exceeds_current(VK_PARAMETER_PIPE_USER_PAGES_HARD, vk_user_bufs(pipe, slots)) &&
	    vk_is_unprivileged())
		return false;
	if (slots == pipe->max_usage)
		return true;
	static_call(vk_account_pipe_buffers)(pipe->user, before, slots);
	if (!static_call(vk_pipe_resize_ring)(pipe, slots))
		return true;
	static_call(vk_account_pipe_buffers)(pipe->user, slots, before);
	return false;
}

/* Whether it is within everybody's values, as most pipes are. */
static bool vk_pipe_is_within(const struct pipe_inode_info *pipe)
{
	unsigned long bufs = vk_user_bufs(pipe, pipe->max_usage);

	return vk_is_within(VK_PARAMETER_PIPE_MAX_SIZE, pipe->max_usage * PAGE_SIZE) &&
	       vk_is_within(VK_PARAMETER_PIPE_USER_PAGES_SOFT, bufs) &&
	       vk_is_within(VK_PARAMETER_PIPE_USER_PAGES_HARD, bufs);
}

/* The original sleeps for memory, as this does. */
struct pipe_inode_info *vk_handler_alloc_pipe_info(void)
{
	struct pipe_inode_info *pipe;

	vk_flight_begin(&vk_hook_alloc_pipe_info);
	pipe = vk_original_alloc_pipe_info();
	if (pipe && !vk_pipe_is_within(pipe) && !vk_pipe_fit(pipe)) {
		static_call(vk_free_pipe_info)(pipe);
		pipe = NULL;
	}
	vk_flight_end(&vk_hook_alloc_pipe_info);
	return pipe;
}

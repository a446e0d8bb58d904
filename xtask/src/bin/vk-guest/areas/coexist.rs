//! Others who want the entry of a hooked function for themselves: whoever comes second is refused,
//! and told who was first. Those who can share it are in the area `hook`.

mod backtrace;
mod exclusive;
mod other;

use crate::area::{checks, Area, Module};
use backtrace::*;
use exclusive::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "coexist",
    module: Module::Out,
    checks: checks![
        bpf_fentry_comes_first,
        bpf_fentry_comes_second,
        bpf_fexit_comes_first,
        bpf_fexit_comes_second,
        bpf_fmod_ret_takes_no_hooked_function,
        a_kprobe_with_post_handler_comes_first,
        a_kprobe_with_post_handler_comes_second,
        a_livepatch_comes_first,
        a_livepatch_comes_second,
        a_kprobe_behind_the_nop_comes_first,
        a_kprobe_behind_the_nop_comes_second,
        bpf_on_a_lifecycle_function_keeps_the_module_out,
        a_stub_takes_no_kprobe,
        a_livepatch_elsewhere_goes_in_and_out_under_load,
    ],
};

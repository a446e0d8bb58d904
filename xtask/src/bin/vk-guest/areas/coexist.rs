//! Others who want the entry of a hooked function for themselves: whoever comes second is refused,
//! and told who was first. Those who can share it are in the area `hook`.

mod backtrace;
mod bypass;
mod exclusive;
mod inline;
mod modify;
mod other;

use crate::area::{checks, Area, Module};
use backtrace::*;
use bypass::*;
use exclusive::*;
use inline::*;
use modify::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "coexist",
    module: Module::Out,
    checks: checks![
        bpf_fentry_comes_first,
        bpf_fentry_comes_second,
        bpf_fexit_comes_first,
        bpf_fexit_comes_second,
        bpf_fmod_ret_takes_hooked_functions_of_security_alone,
        bpf_fmod_ret_comes_first,
        bpf_fmod_ret_comes_second,
        a_kprobe_with_post_handler_comes_first,
        a_kprobe_with_post_handler_comes_second,
        a_livepatch_comes_first,
        a_livepatch_comes_second,
        a_kprobe_behind_the_nop_comes_first,
        a_kprobe_behind_the_nop_comes_second,
        bpf_on_a_lifecycle_function_keeps_the_module_out,
        bpf_and_an_inline_hook_come_first_and_second,
        a_kprobe_with_post_handler_and_an_inline_hook_come_first_and_second,
        auto_is_inline_where_bpf_was_first,
        a_livepatch_bypasses_an_inline_hook_and_that_is_told,
        a_hook_whose_site_is_overwritten_is_told,
        a_bypassed_hook_closes_the_gate_that_it_answers_for,
        a_backtrace_from_behind_a_stub_is_whole,
        a_stub_takes_no_kprobe,
        a_livepatch_elsewhere_goes_in_and_out_under_load,
    ],
};

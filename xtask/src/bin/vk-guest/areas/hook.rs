//! The hooks: where they are, when they are in, and that nothing of them stays.

mod others;
pub(super) mod site;
mod text;
mod when;

use crate::area::{checks, Area, Module};
use others::*;
use text::*;
use when::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "hook",
    module: Module::Out,
    checks: checks![
        armed_sites_jump_to_stubs_and_are_restored_byte_for_byte,
        without_a_policy_only_the_lifecycle_hooks_are_in,
        a_feature_is_in_while_it_is_needed_and_linger_s_longer,
        a_feature_goes_out_after_the_last_container_died,
        a_value_equal_to_the_hosts_needs_the_hooks_too,
        a_default_needs_the_hooks_too,
        ftrace_enabled_0_is_refused_while_armed,
        arming_and_loading_are_refused_while_ftrace_enabled_is_0,
        the_function_tracer_comes_first,
        the_function_tracer_comes_second,
        the_graph_tracer_comes_first,
        the_graph_tracer_comes_second,
        a_kprobe_comes_first,
        a_kprobe_comes_second,
        a_kretprobe_comes_first,
        a_kretprobe_comes_second,
        an_fprobe_comes_first,
        an_fprobe_comes_second,
        cycles_of_arm_and_disarm_under_load,
    ],
};

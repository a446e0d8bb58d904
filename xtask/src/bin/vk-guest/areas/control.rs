//! The device: what it takes and what it refuses, asked by a client that is not vkctl.

mod callers;
mod inside;
mod refusal;
mod requests;
mod targets;
mod verbs;
mod watch;

use crate::area::{checks, Area, Module};
use callers::*;
use inside::*;
use requests::*;
use targets::*;
use verbs::*;
use watch::*;

/// The area.
pub(crate) const AREA: Area = Area {
    name: "control",
    module: Module::Loaded,
    checks: checks![
        verbs_that_read_answer_line_by_line,
        set_show_and_unset_belong_together,
        inherit_takes_a_key_away,
        an_accepted_change_is_one_line_of_the_log,
        an_answer_is_read_in_pieces_and_replaced_by_the_next,
        open_files_have_answers_of_their_own,
        a_last_line_without_newline_counts,
        the_longest_request_is_taken,
        refuses_what_is_no_request,
        refuses_an_empty_request,
        refuses_a_request_of_65537_bytes,
        refuses_a_request_that_cannot_be_read_whole,
        refuses_an_unknown_version,
        refuses_an_unknown_verb,
        refuses_an_unknown_key,
        refuses_wrong_values_by_line_and_key,
        refuses_rules_without_a_value,
        refuses_a_missing_or_misspelt_target,
        refuses_a_set_with_one_bad_line_among_good_ones,
        refusals_leak_nothing,
        random_requests_change_nothing,
        refuses_a_namespace_that_is_not_there,
        refuses_the_namespace_of_the_host,
        refuses_a_target_that_died,
        a_target_that_dies_meanwhile_leaves_nothing,
        default_is_for_namespaces_born_afterwards,
        refuses_a_caller_without_cap_sys_admin,
        refuses_root_of_another_user_namespace,
        refuses_root_over_the_descriptor_of_an_unprivileged_opener,
        refuses_an_unprivileged_writer_over_the_descriptor_of_root,
        a_descriptor_passed_between_privileged_tasks_serves,
        a_container_changes_only_what_is_below_it,
        refuses_the_host_over_the_descriptor_of_a_container,
        refuses_a_container_over_the_descriptor_of_the_host,
        only_the_host_arms_and_disarms,
        a_write_from_inside_is_refused_and_changes_nothing,
        a_write_from_inside_a_crun_container_is_refused,
        inside_rw_lets_the_container_write_within_its_bounds,
        bounds_hold_for_nested_containers,
        bounds_that_come_later_hold_for_nested_containers,
        refuses_bounds_without_a_value_between_them,
        the_host_takes_the_right_to_write_away_again,
        a_watcher_is_told_everything_in_order,
        a_watcher_is_told_of_defaults_and_nesting,
        a_watcher_is_told_when_hooks_go_in_and_out,
        a_slow_reader_is_told_what_it_lost,
        every_reader_gets_all,
        a_read_waits_until_an_event_or_a_signal,
        the_next_request_ends_the_stream,
        an_open_descriptor_is_enough_to_watch,
    ],
};

//! In: a back end of the store. Out: what every back end must do, case by case, and what is one's own.
//! May touch: temporary folders.
//! Security boundary: no; holds the tests of the store.

mod cases;
mod durable_cases;
mod parked_cases;
mod postgres;
mod sqlite;

use crate::harness::run;
use mayfly_bridge::store::scripts::{Author, Bounds, Condition, Content, Key, Tags};
use std::sync::Arc;

/// Small enough to reach.
pub const BOUNDS: Bounds = Bounds {
    scripts: 4,
    scripts_bytes: 8_000_000,
    versions: 5,
    versions_bytes: 3_000_000,
    parked: 5,
    parked_bytes: 100_000,
};

/// Makes a test of every case for one back end. `$make` gives a fresh, empty store with `BOUNDS`, and what keeps
/// it; none where what it needs is not installed.
macro_rules! suite {
    ($make:path) => {
        $crate::store::suite!($make; cases:
            what_is_put_is_got_back,
            what_is_not_there_is_not_there,
            the_same_content_is_no_new_version,
            a_rollback_is_a_new_version_with_the_content_of_an_old_one,
            a_deleted_script_is_forgotten_with_all_its_versions,
            tenants_with_the_same_names_do_not_meet,
            a_write_happens_only_while_its_condition_holds,
            of_many_writes_on_one_condition_exactly_one_happens,
            lists_are_in_order_and_as_long_as_asked_for,
            the_oldest_versions_go_when_there_are_too_many,
            more_than_a_tenant_may_keep_is_refused_and_nothing_is_changed,
            any_text_is_kept_as_it_is,
        );
        $crate::store::suite!($make; parked_cases:
            a_parked_run_is_given_to_one_taker_with_all_it_has,
            a_run_is_parked_again_by_who_holds_it_in_the_next_sequence,
            of_many_takers_exactly_one_gets_a_run,
            a_run_whose_holder_is_gone_is_lost_and_told_for_a_while,
            a_run_that_nobody_took_up_in_time_is_expired,
            tenants_with_runs_of_one_name_do_not_meet,
            parked_runs_are_listed_newest_first,
            more_parked_runs_than_a_tenant_may_have_are_refused,
        );
        $crate::store::suite!($make; durable_cases:
            what_happened_in_a_durable_run_is_given_to_who_takes_it_up,
            who_does_not_hold_a_durable_run_any_more_writes_nothing,
            of_many_who_would_go_on_with_a_run_exactly_one_does,
            a_durable_run_that_was_parked_begins_its_entries_anew_and_is_kept_while_taken,
            how_a_durable_run_ended_is_told_for_a_while,
            durable_runs_are_within_what_a_tenant_may_keep,
            runs_that_have_ended_make_room_and_no_others,
        );
    };
    ($make:path; $of:ident: $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let Some((store, _kept)) = $make() else { return };
            $crate::store::run($crate::store::$of::$case(&store));
        }
    )*};
}
use suite;

pub fn key(tenant: &str, name: &str) -> Key {
    Key { tenant: tenant.into(), name: name.into() }
}

pub fn content(source: &str) -> Arc<Content> {
    Arc::new(Content { main: "main.ts".into(), modules: [("main.ts".into(), source.into())].into() })
}

pub fn author() -> Author {
    Author { role: "deployer".into(), at_ms: 1_700_000_000_123 }
}

pub fn always() -> Condition {
    Condition::default()
}

pub fn if_match(tag: &str) -> Condition {
    Condition { if_match: Tags::List(vec![tag.into()]), ..Condition::default() }
}

# SPDX-License-Identifier: MIT
"""`adit proxy` passes the tests of relay and agent together."""
import inspect

import harness
import pytest

import test_aborts
import test_backpressure
import test_bodies
import test_forwarding
import test_head_204_304
import test_http_10
import test_http_answers
import test_http_early
import test_http_ends
import test_http_fields
import test_http_interim
import test_http_pipelining
import test_http_slow_readers
import test_http_targets
import test_http_trailers
import test_http_upgrade
import test_keep_alive
import test_malformed
import test_methods
import test_sse
import test_upgrade_half_close
import test_upstream_pool

SAME = (test_aborts, test_backpressure, test_bodies, test_forwarding, test_head_204_304,
        test_http_10, test_http_answers, test_http_early, test_http_ends, test_http_fields,
        test_http_interim, test_http_pipelining, test_http_slow_readers, test_http_targets,
        test_http_trailers, test_http_upgrade, test_keep_alive, test_malformed, test_methods,
        test_sse, test_upgrade_half_close, test_upstream_pool)


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """A proxy and an origin for the tests of each file, in turn."""
    started = {}

    def site(of):
        if of not in started:
            started[of] = harness.Proxied(tmp_path_factory.mktemp("proxy"))
        return started[of]

    yield site
    for each in started.values():
        each.close()


@pytest.fixture
def tunnel(request, sites):
    return sites(request.function.__module__)


@pytest.fixture
def own_tunnel(tmp_path):
    with harness.Proxied(tmp_path) as started:
        yield started


# Excluded: tests of names, lost agents, the relay's own pages, or the case of field names, which
# a tunnel lowers.
ABOUT_TUNNELS = {
    "test_a_fin_right_behind_pipelined_requests_leaves_whole_answers_only",
    "test_a_final_answer_instead_of_a_100_ends_the_connection",
    "test_a_refusal_is_framed_for_its_method_and_the_connection_goes_on",
    "test_a_refusal_of_the_relay_comes_instead_of_a_100",
    "test_a_refused_upload_ends_for_the_service_side_too",
    "test_a_response_head_up_to_the_limit_passes_in_fields_of_any_size",
    "test_a_visitor_that_leaves_in_its_head_leaves_nothing_behind",
    "test_an_absolute_form_goes_by_its_own_authority",
    "test_an_offer_to_the_relay_itself_is_an_ordinary_request",
    "test_answers_of_the_relay_and_of_services_keep_their_order",
    "test_hundreds_of_requests_with_bodies_in_one_piece",
    "test_no_host_is_the_relay_itself_and_the_connection_may_be_kept",
    "test_one_connection_may_visit_several_names",
    "test_our_own_answers_have_a_date",
    "test_refusals_of_the_relay_answer_head_without_a_body",
    "test_the_body_of_a_refused_request_is_not_the_next_request",
    "test_forbidden_trailers_are_dropped_both_ways",
    "test_a_killed_relay_truncates_and_the_agent_takes_its_name_back",
    "test_a_relay_that_is_stopped_and_started_finds_its_agent_again",
    "test_an_agent_killed_before_the_response_head_is_a_502",
    "test_an_agent_killed_mid_body_truncates_and_then_is_gone",
    "test_an_agent_may_be_started_before_its_relay",
    "test_an_agent_that_is_stopped_leaves_a_clean_relay",
}


def is_ours(name, test):
    """Whether a test needs nothing but a tunnel."""
    if not name.startswith("test_") or name in ABOUT_TUNNELS:
        return False
    given = set()
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names = mark.args[0]
            given |= set(names.replace(" ", "").split(",") if isinstance(names, str) else names)
    return set(inspect.signature(test).parameters) - given <= {"tunnel", "own_tunnel", "tmp_path"}


for module in SAME:
    of = module.__name__.removeprefix("test_")
    globals().update({f"{name}__{of}": test for name, test in vars(module).items()
                      if is_ours(name, test)})

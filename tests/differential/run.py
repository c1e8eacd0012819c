# SPDX-License-Identifier: MIT
"""Runs all inputs through all contestants, each driven by a process of its own."""
import asyncio
import concurrent.futures
import multiprocessing

from . import lanes, requests, responses, sites

LANES = 2 if sites.harness.UNDER_VALGRIND else 8
DIRECTIONS = {"request": requests.generate, "response": responses.generate}


async def drive(name, inputs):
    """The outcomes of one contestant, and the number of inputs it was still waiting with."""
    with sites.scratch() as directory:
        ways = [lanes.Lane() for _ in range(LANES)]
        origins = [await lane.listen() for lane in ways]
        with sites.CONTESTANTS[name](directory, origins) as addresses:
            for lane, address in zip(ways, addresses):
                lane.address = address
            try:
                outcomes = await lanes.run_all(ways, inputs)
                return await again_alone(ways, inputs, outcomes)
            finally:
                for lane in ways:
                    lane.stop()


async def again_alone(ways, inputs, outcomes):
    """Runs inputs without any answer again, alone and with more time."""
    waiting = [number for number, outcome in enumerate(outcomes) if outcome.end == "waits"]
    changed = 0
    second = await lanes.run_all(ways, [inputs[number] for number in waiting], lanes.QUIET_ALONE)
    for number, outcome in zip(waiting, second):
        changed += outcome.end != "waits"
        outcomes[number] = outcome
    return outcomes, len(waiting), changed


def generated(direction, seed, numbers):
    return [DIRECTIONS[direction](seed, number) for number in numbers]


def contestant(name, direction, seed, numbers):
    """The work of one process."""
    return asyncio.run(drive(name, generated(direction, seed, numbers)))


def run(names, direction, seed, numbers):
    """name -> (outcomes, how many waited, how many of those did not the second time)"""
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(len(names), context) as pool:
        futures = {name: pool.submit(contestant, name, direction, seed, numbers) for name in names}
        return {name: future.result() for name, future in futures.items()}

# SPDX-License-Identifier: MIT
"""The command line: python3 tests/differential --help."""
import argparse
import pathlib
import sys

from . import compare, report, rules, run, services, sites, strict, verdicts

SEED = "1"
COUNTS = {"request": 8000, "response": 4000}


def examined(seed, counts):
    """The findings of both directions."""
    found = []
    for direction, count in counts.items():
        numbers = range(count)
        runs = run.run(list(sites.CONTESTANTS), direction, seed, numbers)
        found.append(report.examine(direction, seed, run.generated(direction, seed, numbers), runs))
    return found


def show(direction, seed, number):
    """Prints one input, the strict reading, each outcome, and why they differ."""
    runs = run.run(list(sites.CONTESTANTS), direction, seed, [number])
    each = run.generated(direction, seed, [number])[0]
    print(f"{direction} {number} of seed {seed}: {each.kind}")
    print(f"the visitor sends {each.data!r}")
    if direction == "response":
        print(f"the service answers {each.response!r}, then: {each.end}")
        print(f"strict reading: {services.reading_of(each)}")
    else:
        requests, ending = strict.read_requests(each.data)
        print(f"strict reading: {[(r.method, r.target, r.host, r.body) for r in requests]}, then "
              f"{ending}")
    for name, (outcomes, *_) in runs.items():
        print(f"\n{name}: {outcomes[0].end}; the visitor gets {outcomes[0].received!r}")
        for seen in outcomes[0].seen:
            print(f"  the service gets {seen.fault or 'a sound request'}: {seen.raw!r}")
        for raw in outcomes[0].broken_off:
            print(f"  the service gets a beginning: {raw!r}")
    wrong = verdicts.wrong_with_adit if direction == "request" else services.wrong_with_adit
    print("\nadit is wrong:", list(wrong(each, runs["adit"][0][0])) or "no")
    difference = compare.difference if direction == "request" else services.difference
    for peer in report.PEERS:
        found = difference(each, runs["adit"][0][0], runs[peer][0][0])
        for facet in found.facets if found else ():
            print(f"adit | {peer}: {facet} ({found.event}):",
                  rules.explain(direction, peer, each, found, facet))


def main(argv):
    parser = argparse.ArgumentParser(prog="tests/differential", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", default=SEED)
    parser.add_argument("--count", type=int, help="of requests, and half as many responses")
    parser.add_argument("--report", metavar="FILE", type=pathlib.Path, help="writes the page")
    parser.add_argument("--show", nargs=2, metavar=("DIRECTION", "NUMBER"),
                        help="one input: request or response, and its number")
    options = parser.parse_args(argv)
    if sites.missing():
        print(f"not installed: {', '.join(sites.missing())}; see scripts/setup", file=sys.stderr)
        return 1
    if options.show:
        show(options.show[0], options.seed, int(options.show[1]))
        return 0
    counts = {"request": options.count, "response": options.count // 2} if options.count else COUNTS
    found = examined(options.seed, counts)
    for each in found:
        print(*report.problems(each), sep="\n", end="\n" if each.fails else "")
        print(report.summary(each))
    if options.report:
        options.report.write_text(report.markdown(found, sites.versions()))
    return 1 if any(each.fails for each in found) else 0

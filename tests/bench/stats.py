# SPDX-License-Identifier: MIT
"""From samples to figures: medians, ratios inside one round, spread, targets."""

import dataclasses
import math
import statistics

NOISY_SPREAD = 0.25
LEAST_RUNS = 5
CONFIDENCE = 0.9


@dataclasses.dataclass(frozen=True)
class Target:
    sign: str  # "≥" or "≤"
    limit: float

    def met(self, value):
        return value >= self.limit if self.sign == "≥" else value <= self.limit


def at_least(limit):
    return Target("≥", limit)


def at_most(limit):
    return Target("≤", limit)


def interval(values):
    """The interval in which the median lies with a confidence of 90 % or more, whatever the
    distribution: of n values in order, from the k-th to the k-th last, where 1 - 2 P(Binomial(n,
    1/2) < k) >= 0.9. Up to seven values that is all of them; more rounds narrow it."""
    ordered = sorted(values)
    count, k = len(ordered), 1
    outside = 2 / 2**count  # the probability that the median lies outside of the k-th values
    while k < count // 2:
        outside += 2 * math.comb(count, k) / 2**count
        if outside > 1 - CONFIDENCE:
            break
        k += 1
    return ordered[k - 1], ordered[count - k]


def spread(values):
    """The width of that interval as a share of the median."""
    low, high = interval(values)
    middle = statistics.median(values)
    return (high - low) / abs(middle) if middle else float(high != low)


def judged(figure, values, target, noisy):
    """Adds the judgement of its values to a figure. Where noise forbids quoting the figure, the
    target is judged only if the whole interval lies on one side of it."""
    ends = interval(values)
    figure["runs"] = len(values)
    figure["interval"] = [round(end, 4) for end in ends]
    figure["spread"] = round(spread(values), 4)
    figure["noisy"] = noisy
    figure["target"] = f"{target.sign} {target.limit:g}" if target else None
    figure["met"] = None
    if target and not noisy:
        figure["met"] = target.met(statistics.median(values))
    elif target and len(values) >= LEAST_RUNS and target.met(ends[0]) == target.met(ends[1]):
        figure["met"] = target.met(ends[0])
    return figure


def ratio_figure(subject, other, key, target):
    """`subject` and `other` are the samples of two contestants, measured in turn. The ratio is taken
    inside each round, so that a machine that slows down slows both."""
    ratios = [a[key] / b[key] for a, b in zip(subject, other)]
    figure = {
        "value": statistics.median(sample[key] for sample in subject),
        "other_value": statistics.median(sample[key] for sample in other),
        "ratio": round(statistics.median(ratios), 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
    }
    return judged(figure, ratios, target, spread(ratios) > NOISY_SPREAD)


def plain_figure(samples, key, target):
    """A figure that is compared with a limit only. Small differences of memory vary much and matter
    little, so noise counts only where the ends of the interval disagree about the target."""
    values = [sample[key] for sample in samples]
    disagree = target is not None and len({target.met(end) for end in interval(values)}) > 1
    figure = {"value": statistics.median(values)}
    return judged(figure, values, target, disagree and spread(values) > NOISY_SPREAD)

# SPDX-License-Identifier: MIT
"""From samples to figures: medians, ratios inside one round, spread, targets."""

import dataclasses
import statistics

NOISY_SPREAD = 0.25
LEAST_RUNS = 5


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


def spread(values):
    """How far the runs lie apart, as a share of their median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / abs(middle) if middle else float(max(values) != min(values))


def judged(figure, values, target, noisy):
    """Adds to a figure what is said about the values it stands for."""
    middle = statistics.median(values)
    figure["runs"] = len(values)
    figure["spread"] = round(spread(values), 4)
    figure["noisy"] = noisy
    figure["target"] = f"{target.sign} {target.limit:g}" if target else None
    figure["met"] = target.met(middle) if target and not noisy else None
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
    little, so noise counts only where the runs disagree about the target."""
    values = [sample[key] for sample in samples]
    disagree = target is not None and len({target.met(value) for value in values}) > 1
    figure = {"value": statistics.median(values)}
    return judged(figure, values, target, disagree and spread(values) > NOISY_SPREAD)

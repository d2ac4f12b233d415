"""The order and the heights of the slots in each layer of a layered drawing."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Slot:
    """A box, or a lane that an edge runs through, in one layer."""

    key: str
    width: float
    height: float
    lane: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A piece of an edge between neighbouring layers, with the distances of its ends from the tops of the slots."""

    left: str
    right: str
    left_port: float
    right_port: float
    weight: float


def order_layers(layers: list[list[Slot]], links: Sequence[Link]) -> None:
    """Reorder each layer in place so that few links cross: barycentre sweeps, the best order seen is kept."""
    to_left, to_right = _neighbours(links)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, links)
    for turn in range(_ROUNDS):
        if not fewest:
            break
        rightwards = turn % 2 == 0
        sweep = range(1, len(layers)) if rightwards else range(len(layers) - 2, -1, -1)
        for number in sweep:
            fixed = layers[number - 1 if rightwards else number + 1]
            _by_barycentre(layers[number], fixed, to_left if rightwards else to_right)
        found = _crossings(layers, links)
        if found < fewest:
            best, fewest = [list(layer) for layer in layers], found
    layers[:] = best


def place_layers(layers: Sequence[Sequence[Slot]], links: Sequence[Link], gap: float) -> dict[str, float]:
    """Return the top of every slot: orders are kept, slots stay apart, links are as level as that allows."""
    tops: dict[str, float] = {}
    for layer in layers:
        y = 0.0
        for slot, before in zip(layer, [None, *layer], strict=False):
            y += _distance(before, slot, gap) if before else 0.0
            tops[slot.key] = y
    by_side: tuple[dict[str, list[Link]], dict[str, list[Link]]] = (defaultdict(list), defaultdict(list))
    for link in links:
        by_side[0][link.right].append(link)
        by_side[1][link.left].append(link)
    for turn in range(_ROUNDS):
        # The last rounds look both ways, so that what is left over is shared by both neighbours.
        sides = by_side if turn >= _ROUNDS - 4 else (by_side[turn % 2],)
        sequence = layers if turn % 2 == 0 else layers[::-1]
        for layer in sequence:
            _settle(layer, sides, tops, gap)
    least = min(tops.values(), default=0.0)
    return {key: top - least for key, top in tops.items()}


def _neighbours(links: Sequence[Link]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    to_left: dict[str, list[str]] = defaultdict(list)
    to_right: dict[str, list[str]] = defaultdict(list)
    for link in links:
        to_left[link.right].append(link.left)
        to_right[link.left].append(link.right)
    return to_left, to_right


def _by_barycentre(layer: list[Slot], fixed: Sequence[Slot], neighbours: Mapping[str, Sequence[str]]) -> None:
    position = {slot.key: float(number) for number, slot in enumerate(fixed)}
    scale = len(fixed) / max(1, len(layer))
    wish = {}
    for number, slot in enumerate(layer):
        known = [position[other] for other in neighbours.get(slot.key, ()) if other in position]
        wish[slot.key] = sum(known) / len(known) if known else number * scale
    layer.sort(key=lambda slot: wish[slot.key])


def _crossings(layers: Sequence[Sequence[Slot]], links: Sequence[Link]) -> int:
    place = {slot.key: (number, row) for number, layer in enumerate(layers) for row, slot in enumerate(layer)}
    between: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for link in links:
        number, row = place[link.left]
        # A port decides between links of one box: a box is far taller than one row of its order.
        between[number].append((row + link.left_port / 1e4, place[link.right][1] + link.right_port / 1e4))
    total = 0
    for pairs in between.values():
        pairs.sort()
        seen: list[float] = []
        for _, right in pairs:
            total += len(seen) - bisect_left(seen, right + 1e-9)
            insort(seen, right)
    return total


def _distance(above: Slot, below: Slot, gap: float) -> float:
    """How far the top of ``below`` must be under the top of ``above``."""
    if above.lane and below.lane:
        return above.height + gap * 0.25
    return above.height + (gap * 0.6 if above.lane or below.lane else gap)


def _settle(
    layer: Sequence[Slot], sides: Sequence[Mapping[str, Sequence[Link]]], tops: dict[str, float], gap: float
) -> None:
    """Move one layer's slots to where their links want them: weighted isotonic regression under minimal distances."""
    offset, offsets = 0.0, []
    for number, slot in enumerate(layer):
        offset += _distance(layer[number - 1], slot, gap) if number else 0.0
        offsets.append(offset)
    blocks: list[list[float]] = []  # weighted sum, weight, number of slots
    for slot, shift in zip(layer, offsets, strict=True):
        wish, weight = 0.0, 0.0
        for side in sides:
            for link in side.get(slot.key, ()):
                if link.right == slot.key:
                    other, port = tops[link.left] + link.left_port, link.right_port
                else:
                    other, port = tops[link.right] + link.right_port, link.left_port
                wish += (other - port) * link.weight
                weight += link.weight
        if not weight:
            wish, weight = tops[slot.key] * 0.01, 0.01
        blocks.append([wish - shift * weight, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] > blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [one + other for one, other in zip(blocks[-1], last, strict=True)]
    number = 0
    for total, weight, members in blocks:
        for _ in range(int(members)):
            tops[layer[number].key] = total / weight + offsets[number]
            number += 1

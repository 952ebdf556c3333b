"""The graph of a network as a drawing: an SVG file that needs nothing else."""

from __future__ import annotations

import html
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from sepconv.errors import ValidationError
from sepconv.layers.structure import flat, mapped
from sepconv.models.composite import Composite
from sepconv.models.inputs import name_of
from sepconv.models.steps import Step
from sepconv.models.summary import told_shape

# In pixels. Letters of a monospaced font are about 0.6 of its size wide.
FONT, LETTER, LINE = 12, 7.3, 17
MARGIN, GAP, BETWEEN = 12, 24, 40  # within a box, beside it, below it
BEND = 14  # width that an edge takes where it passes boxes
LONGEST = 48  # letters of a line

STYLE = (
    f"text{{font:{FONT}px ui-monospace,Menlo,Consolas,monospace;fill:#222;text-anchor:middle}}"
    ".name{font-weight:bold}.shape{fill:#666}rect{fill:#f7f9fc;stroke:#4a6fa5;rx:5}"
    "path{fill:none;stroke:#888;stroke-width:1.4}"
)


@dataclass
class Box:
    """A call of a layer, or without lines a place where an edge passes."""

    lines: list[str]
    rank: int
    above: list[Box] = field(default_factory=list)
    x: float = 0.0  # of its middle

    @property
    def width(self) -> float:
        return max(map(len, self.lines)) * LETTER + 2 * MARGIN if self.lines else BEND

    @property
    def height(self) -> float:
        return len(self.lines) * LINE + MARGIN if self.lines else 3 * LINE + MARGIN

    @property
    def y(self) -> float:
        return MARGIN + self.rank * (3 * LINE + MARGIN + BETWEEN)


def plot(network: Composite, path: str | PathLike[str]) -> None:
    """Draw a network into an SVG file: a box for each call, with its output shape.

    Arguments:
        network: a Sequential or Functional.
        path: ends in .svg.

    Raises:
        ValidationError: another suffix.
    """
    if Path(path).suffix.lower() != ".svg":
        raise ValidationError(f"a network is drawn as SVG: `path` must end in .svg, got {path}")
    Path(path).write_text(drawn(network), encoding="utf-8")


def drawn(network: Composite) -> str:
    """Return the SVG of a network."""
    ranks = _ranks(_boxes(network))
    _order(ranks)
    _place(ranks)
    boxes = [box for rank in ranks for box in rank]
    left = min(box.x - box.width / 2 for box in boxes) - MARGIN
    width = max(box.x + box.width / 2 for box in boxes) + MARGIN - left
    height = max(box.y + box.height for box in boxes) + MARGIN
    title = _escaped(f"{network.name} ({type(network).__name__})")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{left:.1f} 0 {width:.1f} {height:.1f}" role="img">',
            f"<title>{title}</title><style>{STYLE}</style>",
            *(_edge(above, box) for box in boxes for above in box.above),
            *(_drawn(box) for box in boxes if box.lines),
            "</svg>\n",
        ]
    )


def _boxes(network: Composite) -> list[Box]:
    """Return a box for each input and each call, each below those it reads."""
    program = network._program()
    boxes, owners, shapes = [], {}, _shapes(network)
    starts: list[tuple[str, Any]] = [
        (name_of(tensor), tensor.shape) for tensor in network._starts()
    ]
    for slot, (name, shape) in zip(program.inputs, starts or [("input", None)], strict=True):
        boxes.append(Box(_lines(name, "Input", shape), 0))
        owners[slot] = boxes[-1]
    for number, step in enumerate(program.steps[None]):
        above = list({id(owners[s]): owners[s] for s in flat(step.source)}.values())
        shape = shapes[number] if number < len(shapes) else None
        lines = _lines(step.layer.name, type(step.layer).__name__, shape)
        boxes.append(Box(lines, 1 + max(box.rank for box in above), above))
        owners |= dict.fromkeys(flat(step.target), boxes[-1])
    return boxes


def _shapes(network: Composite) -> list[Any]:
    """Return the output shape of each call, as far as they are known."""
    found: list[Any] = []

    def call(step: Step, x: Any) -> Any:
        y = step.layer.symbolic_call(x)
        found.append(mapped(lambda tensor: tensor.shape, y))
        return y

    if network._starts():
        with suppress(NotImplementedError, ValidationError):
            program = network._program()
            program.through(network._starts(), program.steps[None], call)
    return found


def _lines(*texts: Any) -> list[str]:
    name, kind, shape = texts
    told = (name, kind, told_shape(shape))
    return [text if len(text) <= LONGEST else text[: LONGEST - 1] + "…" for text in told]


# --- layout: boxes in ranks, ordered and placed by where their neighbours are ---------------------


def _ranks(boxes: list[Box]) -> list[list[Box]]:
    """Return the boxes by rank; an edge over several ranks gets a place in each between."""
    ranks: list[list[Box]] = [[] for _ in range(1 + max(box.rank for box in boxes))]
    for box in boxes:
        ranks[box.rank].append(box)
        for number, above in enumerate(box.above):
            for rank in range(above.rank + 1, box.rank):
                above = Box([], rank, [above])
                ranks[rank].append(above)
            box.above[number] = above
    return ranks


def _order(ranks: list[list[Box]]) -> None:
    """Sort each rank by the middle of the neighbours in the rank before, downwards and upwards."""
    for sweep in range(4):
        up = sweep % 2 == 1
        for rank in reversed(ranks) if up else ranks:
            for position, box in enumerate(rank):
                box.x = position
        below = _below(ranks)
        for rank in reversed(ranks) if up else ranks:
            near = {id(box): (below[id(box)] if up else box.above) for box in rank}
            middles = {id(b): _mean([o.x for o in near[id(b)]], b.x) for b in rank}
            rank.sort(key=lambda box: middles[id(box)])
            for position, box in enumerate(rank):
                box.x = position


def _place(ranks: list[list[Box]]) -> None:
    """Give the boxes their places: each towards its neighbours, none over another."""
    for rank in ranks:
        _spread(rank, [0.0] * len(rank))
    below = _below(ranks)
    for sweep in range(8):
        up = sweep % 2 == 1
        for rank in reversed(ranks) if up else ranks:
            wished = [
                _mean([o.x for o in (below[id(box)] if up else box.above)], box.x) for box in rank
            ]
            _spread(rank, wished)


def _spread(rank: list[Box], wished: list[float]) -> None:
    """Put boxes side by side in their order, on the whole where they wish to be."""
    previous: Box | None = None
    for box, x in zip(rank, wished, strict=True):
        least = x if previous is None else previous.x + (previous.width + box.width) / 2 + GAP
        box.x = max(x, least)
        previous = box
    shift = _mean([x - box.x for box, x in zip(rank, wished, strict=True)], 0.0)
    for box in rank:
        box.x += shift


def _below(ranks: list[list[Box]]) -> dict[int, list[Box]]:
    below: dict[int, list[Box]] = {id(box): [] for rank in ranks for box in rank}
    for rank in ranks:
        for box in rank:
            for above in box.above:
                below[id(above)].append(box)
    return below


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


# --- SVG -----------------------------------------------------------------------------------------


def _drawn(box: Box) -> str:
    lines = [
        f'<text class="{kind}" x="{box.x:.1f}" y="{box.y + (number + 1) * LINE:.1f}">'
        f"{_escaped(line)}</text>"
        for number, (kind, line) in enumerate(
            zip(("name", "kind", "shape"), box.lines, strict=True)
        )
    ]
    corner = f'x="{box.x - box.width / 2:.1f}" y="{box.y:.1f}"'
    return (
        f'<g><rect {corner} width="{box.width:.1f}" height="{box.height:.1f}"/>{"".join(lines)}</g>'
    )


def _edge(above: Box, box: Box) -> str:
    """Return the line from the foot of one box to the head of another, through bare places."""
    start, end = above.y + above.height, box.y
    through = "" if box.lines else f"V{box.y + box.height:.1f}"
    middle = (start + end) / 2
    return (
        f'<path d="M{above.x:.1f} {start:.1f}C{above.x:.1f} {middle:.1f} '
        f'{box.x:.1f} {middle:.1f} {box.x:.1f} {end:.1f}{through}"/>'
    )


def _escaped(text: str) -> str:
    """Return text as XML may hold it: marks escaped, control characters shown."""
    return html.escape("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text))

"""Names, cycles and shapes through the graph of a Functional network."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterator
from typing import TypeAlias

from sepconv.config.findings import Findings, Note
from sepconv.config.flows import UNKNOWN, Flow, Flows, entering, listed, of_input
from sepconv.config.nodes import Span
from sepconv.config.specs import Call, Ref, Spec, is_functional, refs_in
from sepconv.config.words import did_you_mean, name_of

MAX_CYCLES = 20  # who mends that many runs the validator again
MAX_COMPARED = 10_000  # names, which takes a tenth of a second
FlowThrough: TypeAlias = Callable[[Spec, Flows, Findings], list[Flow]]
Vertex: TypeAlias = tuple[str, int]  # a call of a layer


def flow_through(network: Spec, given: Flows, findings: Findings, inner: FlowThrough) -> list[Flow]:
    """Return what leaves a Functional network, and add what is wrong with its graph.

    Arguments:
        inner: does the same for the layers.
    """
    graph = _Graph(network, findings)
    graph.check()
    flows = graph.flows(listed(given), inner)
    outputs = list(refs_in(network.graph.outputs if network.graph else None))
    return [graph.flow_of(ref, flows) for ref in outputs]


class _Graph:
    """The calls of a Functional network as vertices, each with what reaches it."""

    def __init__(self, network: Spec, findings: Findings) -> None:
        assert network.graph is not None
        self.network = network
        self.graph = network.graph
        self.findings = findings
        self.layers: dict[str, Spec] = {}
        for layer in network.layers:
            self.layers.setdefault(layer.label, layer)
        self.inputs = [layer for layer in network.layers if layer.name == "InputLayer"]
        self.calls: dict[Vertex, Call | None] = {}
        for layer in network.layers:
            if layer.name == "InputLayer" or layer.label in self.graph.unread:
                self.calls[layer.label, 0] = None
            for number, call in enumerate(layer.calls):
                self.calls[layer.label, number] = call
        self.wrong: set[tuple[str, Span]] = set()  # Refs that lead nowhere, or in a circle
        self.compared = 0  # names, in search of the nearest
        self.twice: set[str] = set()  # names that two layers have

    # --- checks ----------------------------------------------------------------------------------

    def check(self) -> None:
        self._check_names()
        if "inputs" not in self.network.arguments and not self.inputs:
            self._report_missing("inputs")
        given = self.network.arguments
        ends = [given[name] for name in ("outputs", "output_layers") if name in given]
        if not ends:
            self._report_missing("outputs")
        for layer in self.network.layers:
            for ref in (ref for call in layer.calls for ref in call.refs()):
                self._check_ref(ref)
        for ref in (*refs_in(self.graph.outputs), *refs_in(self.graph.inputs)):
            self._check_ref(ref)
        self.order = self._ordered()
        if ends and self._is_whole() and not self.findings.spoils(ends[0].path):
            self._check_used()

    def _report_missing(self, name: str) -> None:
        spec = self.network
        if not self.findings.spoils(spec.config_path):
            message = f"`{name}` of {spec.name} is missing"
            self.findings.add("SC103", message, spec.span, (*spec.config_path, name))

    def _check_names(self) -> None:
        taken: dict[str, Span] = {}
        for layer in self.network.layers:
            given = layer.arguments.get("name")
            if given is None:
                continue
            if layer.label in taken:
                self.twice.add(layer.label)
                self.findings.add(
                    "SC320",
                    f"two layers are called `{name_of(layer.label)}`",
                    given.key,
                    given.path,
                    help="give each layer and input a name of its own",
                    notes=(Note("the first one is here", taken[layer.label]),),
                )
            taken.setdefault(layer.label, given.key)

    def _check_ref(self, ref: Ref) -> None:
        layer = self.layers.get(ref.name)
        if layer is None:
            self.wrong.add((ref.name, ref.span))
            has_inputs = {"inputs", "input_layers"} & set(self.network.arguments)
            if "" in self.graph.unread or not has_inputs:
                return  # it may be a layer whose name is missing, or an input: that was reported
            self.findings.add(
                "SC330",
                f"no layer or input is called `{name_of(ref.name)}`",
                ref.span,
                ref.path,
                help=self._guess(ref.name),
            )
            return
        calls = max(1, len(layer.calls))
        outputs = self._outputs(layer)
        name = name_of(ref.name)
        if ref.call is None and calls > 1:
            told = f"`{name}` is called {calls} times"
            help = f"write `{name}/0` for what its first call returns"
        elif ref.call is not None and not 0 <= ref.call < calls:
            told = f"`{name}` has no call {ref.call}: it is called {_times(calls)}"
            help = f"calls count from 0: `{name}/{calls - 1}` is the last one"
        elif outputs is not None and not 0 <= (ref.output or 0) < outputs:
            told = f"`{name}` has no output {ref.output}: it has {outputs}"
            help = f"outputs count from 0: `{name}/{ref.call or 0}/{outputs - 1}` is the last one"
        elif outputs is not None and outputs > 1 and ref.output is None:
            told = f"`{name}` has {outputs} outputs"
            help = f"write `{name}/0/0` for the first one"
        else:
            return
        self.wrong.add((ref.name, ref.span))
        self.findings.add("SC335", told, ref.span, ref.path, help=help)

    def _guess(self, name: str) -> str | None:
        """Return the nearest name as a question; after many comparisons nobody asks further."""
        self.compared += len(self.layers)
        if self.compared > MAX_COMPARED:
            return None
        return did_you_mean(name, self.layers, "layers and inputs")

    def _outputs(self, layer: Spec) -> int | None:
        """Return how many outputs a layer has; None if that is not known."""
        if is_functional(layer) and layer.graph is not None:
            return len(list(refs_in(layer.graph.outputs))) or None
        return 1 if layer.is_known and ">" not in layer.name else None

    def _is_whole(self) -> bool:
        """Tell whether nothing of the graph has been refused."""
        calls = [call for call in self.calls.values() if call is not None]
        is_read = not self.graph.unread and all(any(call.refs()) for call in calls)
        return is_read and not self.wrong and not self.twice

    def _check_used(self) -> None:
        reached: set[Vertex] = set()
        open_ = [_vertex(ref) for ref in refs_in(self.graph.outputs)]
        while open_:
            vertex = open_.pop()
            if vertex not in reached:
                reached.add(vertex)
                open_ += [_vertex(ref) for ref in self._refs(vertex)]
        used = {name for name, _ in reached}
        for layer in self.network.layers:
            if layer.label not in used:
                what = "input" if layer.name == "InputLayer" else "layer"
                self.findings.add(
                    "SC332",
                    f"no output depends on the {what} `{name_of(layer.label)}`",
                    layer.arguments["name"].key if "name" in layer.arguments else layer.span,
                    layer.path,
                    help="name it in a `from` or in `outputs`, or take it out",
                )

    # --- order -----------------------------------------------------------------------------------

    def _refs(self, vertex: Vertex) -> Iterator[Ref]:
        call = self.calls.get(vertex)
        if call is not None:
            yield from (ref for ref in call.refs() if (ref.name, ref.span) not in self.wrong)

    def _ordered(self) -> list[Vertex]:
        """Return the calls, each behind those that it needs; report each cycle and cut it."""
        needs = {vertex: {_vertex(ref) for ref in self._refs(vertex)} for vertex in self.calls}
        for name, number in self.calls:
            if number:  # the first call makes the weights
                needs[name, number].add((name, number - 1))
        for _ in range(MAX_CYCLES):
            try:
                return list(graphlib.TopologicalSorter(needs).static_order())
            except graphlib.CycleError as error:
                cycle = self._turned(error.args[1][:-1])
                self._report_cycle(cycle)
                needs[cycle[0]].discard(cycle[-1])
        return []

    def _turned(self, cycle: list[Vertex]) -> list[Vertex]:
        """Return a cycle from the call that is written first on: not from where it was met.

        What leads to that call is a name, and not only the layer's call before.
        """
        order = {vertex: index for index, vertex in enumerate(self.calls)}
        first = min(
            (i for i in range(len(cycle)) if cycle[i - 1] in map(_vertex, self._refs(cycle[i]))),
            key=lambda index: order[cycle[index]],
        )
        return [*cycle[first:], *cycle[:first]]

    def _report_cycle(self, cycle: list[Vertex]) -> None:
        if any(name in self.twice for name, _ in cycle):
            return
        ref = next(ref for ref in self._refs(cycle[0]) if _vertex(ref) == cycle[-1])
        layers = [name for name, _ in cycle]
        shown = [
            f"{name_of(name, 40)}/{number}" if layers.count(name) > 1 else name_of(name, 40)
            for name, number in [*cycle, cycle[0]][:8]
        ]
        names = " → ".join(f"`{name}`" for name in shown)
        more = f" → … ({len(cycle)} layers)" if len(cycle) > 7 else ""
        help = "a layer's calls are made in their order" if len(set(layers)) < len(layers) else None
        self.wrong.add((ref.name, ref.span))
        self.findings.add("SC331", f"{names}{more} is a cycle", ref.span, ref.path, help=help)

    # --- shapes ----------------------------------------------------------------------------------

    def flows(self, inputs: list[Flow], inner: FlowThrough) -> dict[tuple[str, int], list[Flow]]:
        """Return the flows that leave each call."""
        given = self._given(inputs)
        flows: dict[Vertex, list[Flow]] = {}
        for vertex in self.order:
            layer, call = self.layers[vertex[0]], self.calls.get(vertex)
            if layer.name == "InputLayer":
                flows[vertex] = inner(layer, given.get(layer.label, UNKNOWN), self.findings)
            elif call is not None and layer.name:
                flows[vertex] = self._called(layer, call, flows, inner)
        return flows

    def _called(
        self, layer: Spec, call: Call, flows: dict[Vertex, list[Flow]], inner: FlowThrough
    ) -> list[Flow]:
        refs = [ref for arg in call.args for ref in refs_in(arg)]
        inputs = self.network.arguments.get("inputs")
        is_told = inputs is not None and self.findings.spoils(inputs.path)
        if not refs and (is_told or self.findings.spoils(layer.path)):
            return [UNKNOWN]
        if refs and not call.is_plain():
            return [UNKNOWN]  # arguments of its own, which only the layer knows
        reaching = [self.flow_of(ref, flows) for ref in refs]
        is_alone = bool(refs) and isinstance(call.args[0], Ref)
        return inner(layer, reaching[0] if is_alone else reaching, self.findings)

    def flow_of(self, ref: Ref, flows: dict[Vertex, list[Flow]]) -> Flow:
        found = flows.get(_vertex(ref), [])
        output = ref.output or 0
        return found[output] if output < len(found) else UNKNOWN

    def _given(self, inputs: list[Flow]) -> dict[str, Flow]:
        """Return what reaches each input: from outside when the network is a layer itself."""
        refs = list(refs_in(self.graph.inputs))
        if not inputs or inputs == [UNKNOWN]:
            return {}
        if len(inputs) != len(refs):
            self.findings.add(
                "SC333",
                f"{self.network.name} takes {len(refs)} input{'' if len(refs) == 1 else 's'}, and "
                f"{len(inputs)} reach{'es' if len(inputs) == 1 else ''} it",
                self.network.span,
                self.network.path,
            )
            return {}
        given = {}
        for ref, flow in zip(refs, inputs, strict=True):
            layer = self.layers.get(ref.name)
            own = of_input(layer) if layer is not None else UNKNOWN
            given[ref.name] = entering(self.network, flow, own, self.findings)
        return given


def _vertex(ref: Ref) -> Vertex:
    return ref.name, ref.call or 0


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

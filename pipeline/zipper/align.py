"""Which layers of the tasks' networks belong together, and which channels they share then.

Networks may differ in depth and width: the longest common sequence of layers of one kind is
aligned, names decide between equals, and every other layer stays private to its task.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from taskzip.pipeline.graph.channels import OUTPUT, Channels
from taskzip.pipeline.graph.fold import LAYER_OPERATORS
from taskzip.pipeline.graph.layer import Layer
from taskzip.pipeline.graph.rules import RULES
from taskzip.pipeline.zipper.layer_names import check_names

Signature = tuple[object, ...]
_SAME_NAME = 0.5
"""What an equal name adds to an aligned pair's score of 1."""


@dataclass(frozen=True)
class Group:
    """Channels that the tasks may share: a space of every task, with the same writers."""

    name: str
    """The first layer that writes them, as the first task calls it."""
    layers: tuple[str, ...]
    """All aligned layers that write them, as the first task calls them."""
    spaces: dict[str, int]
    widths: dict[str, int]
    rigid: bool = False
    """Whether channels must keep their order, since an operator reads them that is not understood:
    all are shared, each with its like, or none."""
    unit: int = 1
    """Channels that become shared together, in their order: a head's; all, where `rigid`."""

    @property
    def width(self) -> int:
        """How many channels can be shared at most."""
        return min(self.widths.values())


@dataclass(frozen=True)
class Step:
    """Layers of all tasks that belong together, by their nodes; `group` is where they write."""

    name: str
    nodes: dict[str, str]
    group: int


@dataclass(frozen=True)
class Opening:
    """The layers that write a group first, where they are not alike: they stay private, but what
    they write is paired before the step number `place`.
    """

    place: int
    step: Step


@dataclass(frozen=True)
class Alignment:
    """Steps in the order in which every network runs them."""

    steps: tuple[Step, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...]
    """What stays private, and why."""
    openings: tuple[Opening, ...] = ()
    """In the order in which every network runs them."""
    kept: tuple[dict[str, str], ...] = ()
    """Layers that belong together, by their nodes, but are to stay private."""

    def group_of(self, task: str, space: int) -> int | None:
        """The group that a task's space belongs to."""
        for index, group in enumerate(self.groups):
            if group.spaces[task] == space:
                return index
        return None


def align(
    networks: dict[str, Channels],
    *,
    share_depthwise: bool = True,
    private_layers: Collection[str] = (),
) -> Alignment:
    """Align all networks with the first; a step is what every network has.

    Without `share_depthwise`, depthwise layers are no steps: they stay private. So do
    `private_layers`, as the first task calls them; BadInput for a name that fits none.
    """
    tasks = list(networks)
    first = networks[tasks[0]]
    candidates = _candidates(first)
    partners: dict[str, dict[str, str]] = {name: {tasks[0]: name} for name in candidates}
    for task in tasks[1:]:
        for one, other in _partners(first, networks[task]):
            partners[one][task] = other
    complete = [nodes for nodes in partners.values() if len(nodes) == len(tasks)]
    names = [_layer(networks, tasks[0], nodes).name for nodes in complete]
    check_names("zip.private_layers", private_layers, names)
    public = [n for n, name in zip(complete, names, strict=True) if name not in private_layers]
    if not share_depthwise:
        public = [n for n in public if not _layer(networks, tasks[0], n).is_depthwise]
    steps, groups = _grouped(networks, public)
    kept = tuple(nodes for nodes in complete if nodes not in public)
    return Alignment(steps, groups, _notes(networks, complete, share_depthwise), kept=kept)


def _candidates(network: Channels) -> list[str]:
    """Layers whose outputs do not leave the network."""
    return [
        name
        for name in network.graph.layers
        if network.frozen.get(network.space_of(name)) != OUTPUT
    ]


def _signature(network: Channels, node: str) -> Signature:
    layer = network.graph.layers[node]
    source = next(each for each in network.graph.nodes if each.name == node).inputs[0]
    segments = network.segments(source)
    columns = None if segments is None else tuple(each.columns for each in segments)
    spread = columns if layer.geometry is None else None
    group = layer.weight.shape[1] if layer.is_grouped else None
    return (layer.geometry, group, layer.parts, layer.columns, spread)


def _may_share(a: Channels, one: str, b: Channels, other: str) -> bool:
    """Of one kind, with units of one width; as wide too, where channels must keep their order."""
    if _signature(a, one) != _signature(b, other):
        return False
    if a.space_of(one) in a.frozen or b.space_of(other) in b.frozen:
        return a.graph.layers[one].outputs == b.graph.layers[other].outputs
    return a.unit_of(one) == b.unit_of(other)


def _partners(a: Channels, b: Channels) -> list[tuple[str, str]]:
    """The best common sequence whose spaces also match one to one."""
    left, right = _candidates(a), _candidates(b)
    scores = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            match = 0.0
            if _may_share(a, left[i], b, right[j]):
                match = 1 + _SAME_NAME * _same_name(a, left[i], b, right[j]) + scores[i + 1][j + 1]
            scores[i][j] = max(scores[i + 1][j], scores[i][j + 1], match)
    return _consistent(a, b, _read_off(scores, left, right))


def _same_name(a: Channels, one: str, b: Channels, other: str) -> bool:
    return a.graph.layers[one].name == b.graph.layers[other].name


def _read_off(
    scores: Sequence[Sequence[float]], left: Sequence[str], right: Sequence[str]
) -> list[tuple[str, str]]:
    pairs, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if scores[i][j] == scores[i + 1][j]:
            i += 1
        elif scores[i][j] == scores[i][j + 1]:
            j += 1
        else:
            pairs.append((left[i], right[j]))
            i, j = i + 1, j + 1
    return pairs


def _consistent(
    a: Channels, b: Channels, pairs: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Pairs whose spaces do not belong to others already, in either network."""
    forward: dict[int, int] = {}
    backward: dict[int, int] = {}
    kept = []
    for one, other in pairs:
        x, y = a.space_of(one), b.space_of(other)
        if forward.setdefault(x, y) == y and backward.setdefault(y, x) == x:
            kept.append((one, other))
    return kept


def _grouped(
    networks: dict[str, Channels], complete: Sequence[dict[str, str]]
) -> tuple[tuple[Step, ...], tuple[Group, ...]]:
    first = next(iter(networks))
    by_space: dict[int, list[dict[str, str]]] = {}
    for nodes in complete:
        by_space.setdefault(networks[first].space_of(nodes[first]), []).append(nodes)
    groups = []
    for members in by_space.values():
        names = tuple(_layer(networks, first, nodes).name for nodes in members)
        spaces = {task: networks[task].space_of(node) for task, node in members[0].items()}
        widths = {task: _layer(networks, task, members[0]).channels for task in networks}
        rigid = any(space in networks[task].frozen for task, space in spaces.items())
        unit = widths[first] if rigid else networks[first].unit_of(members[0][first])
        groups.append(Group(names[0], names, spaces, widths, rigid, unit))
    positions = {space: index for index, space in enumerate(by_space)}
    steps = tuple(
        Step(
            _layer(networks, first, nodes).name,
            nodes,
            positions[networks[first].space_of(nodes[first])],
        )
        for nodes in complete
    )
    return steps, tuple(groups)


def _without_like(network: Channels, node: str) -> str:
    unit = network.unit_of(node)
    kind = f"its like with heads {unit} wide" if unit > 1 else "its like"
    return f"no other network has {kind} here"


def _weighted_operators(network: Channels) -> list[str]:
    """Operators with weights of their own that are not understood, by their weights' names."""
    return [
        f"{node.constants[0].rpartition('.')[0] or node.constants[0]} ({node.op})"
        for node in network.graph.nodes
        if node.constants and node.base not in RULES and node.base not in LAYER_OPERATORS
    ]


def _layer(networks: dict[str, Channels], task: str, nodes: dict[str, str]) -> Layer:
    return networks[task].graph.layers[nodes[task]]


def _notes(
    networks: dict[str, Channels], complete: Sequence[dict[str, str]], share_depthwise: bool
) -> tuple[str, ...]:
    """Every layer that stays private though it is no head and may be shared, with the reason."""
    notes = []
    for task, network in networks.items():
        aligned = {nodes[task] for nodes in complete}
        notes += [f"{task}: {note}; it stays private" for note in network.graph.notes]
        notes += [f"{task}: {title} stays private" for title in _weighted_operators(network)]
        for node, layer in network.graph.layers.items():
            if node in aligned or (layer.is_depthwise and not share_depthwise):
                continue
            why = network.frozen.get(network.space_of(node), _without_like(network, node))
            if why != OUTPUT:
                notes.append(f"{task}: {layer.name} {layer.describe()} stays private: {why}")
    return tuple(notes)

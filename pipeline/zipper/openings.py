"""Where channels are paired before the first layer that all networks have alike.

The layers that write channels first may differ: convolutions over images and over signals, a stem
with another stride. They stay private, but what they write can still be paired, so that the layers
after them read shared inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from taskzip.pipeline.graph.channels import Channels
from taskzip.pipeline.zipper.align import Alignment, Group, Opening, Step


def with_openings(networks: Mapping[str, Channels], alignment: Alignment) -> Alignment:
    """The alignment with its openings, and with the groups that common layers only read.

    A group opens only where every network has passed the same steps.
    """
    wanted = [
        group for group in alignment.groups if not _starts_with_step(networks, alignment, group)
    ]
    wanted += [_read_group(networks, spaces) for spaces in _only_read(networks, alignment)]
    placed = []
    for group in wanted:
        nodes = _first_writers(networks, group.spaces)
        place = _place(networks, alignment.steps, nodes)
        if place is not None:
            placed.append((group, place, nodes))
    return _added(alignment, _in_order(networks, placed))


_Placed = tuple[Group, int, dict[str, str]]


def _starts_with_step(networks: Mapping[str, Channels], alignment: Alignment, group: Group) -> bool:
    nodes = _first_writers(networks, group.spaces)
    return any(step.nodes == nodes for step in alignment.steps)


def _first_writers(networks: Mapping[str, Channels], spaces: Mapping[str, int]) -> dict[str, str]:
    return {task: networks[task].writers(space)[0] for task, space in spaces.items()}


def _added(alignment: Alignment, placed: Sequence[_Placed]) -> Alignment:
    groups, found = list(alignment.groups), []
    for group, place, nodes in placed:
        if group not in groups:
            groups.append(group)
        found.append(Opening(place, Step(group.name, nodes, groups.index(group))))
    return replace(alignment, groups=tuple(groups), openings=tuple(found))


def _only_read(networks: Mapping[str, Channels], alignment: Alignment) -> list[dict[str, int]]:
    """Spaces, one of each task, that aligned layers read in the same places and none writes."""
    taken = {(task, space) for each in alignment.groups for task, space in each.spaces.items()}
    found: list[dict[str, int]] = []
    for step in alignment.steps:
        for spaces in _read_together(networks, step):
            if not taken.intersection(spaces.items()):
                taken.update(spaces.items())
                found.append(spaces)
    return found


def _read_together(networks: Mapping[str, Channels], step: Step) -> list[dict[str, int]]:
    """The spaces along each task's inputs, where these lie alike and may be reordered."""
    read = {}
    for task, network in networks.items():
        source = _position_and_source(network, step.nodes[task])[1]
        segments = network.segments(source)
        if segments is None or any(each.space in network.frozen for each in segments):
            return []
        read[task] = segments
    alike = {
        tuple((each.columns, networks[task].units.get(each.space, 1)) for each in segments)
        for task, segments in read.items()
    }
    if len(alike) > 1:
        return []
    tasks = list(networks)
    return [
        dict(zip(tasks, (each.space for each in together), strict=True))
        for together in zip(*read.values(), strict=True)
    ]


def _read_group(networks: Mapping[str, Channels], spaces: dict[str, int]) -> Group:
    nodes = _first_writers(networks, spaces)
    layers = {task: networks[task].graph.layers[node] for task, node in nodes.items()}
    first = next(iter(networks))
    name, unit = layers[first].name, networks[first].unit_of(nodes[first])
    widths = {task: each.channels for task, each in layers.items()}
    return Group(name, (name,), spaces, widths, unit=unit)


def _place(
    networks: Mapping[str, Channels], steps: Sequence[Step], nodes: Mapping[str, str]
) -> int | None:
    """The first step that comes after `nodes`, None if the networks disagree on it."""
    wanted = _positions(networks, nodes)
    for index, step in enumerate(steps):
        found = _positions(networks, step.nodes)
        comes_after = [a >= b for a, b in zip(found, wanted, strict=True)]
        if any(comes_after):
            return index if all(comes_after) else None
    return None


def _in_order(networks: Mapping[str, Channels], placed: Sequence[_Placed]) -> list[_Placed]:
    """As every network runs them; one that crosses another is left out."""
    kept: list[_Placed] = []
    positions = {id(each): _positions(networks, each[2]) for each in placed}
    for each in sorted(placed, key=lambda one: positions[id(one)]):
        last = positions[id(kept[-1])] if kept else None
        if last is None or all(a > b for a, b in zip(positions[id(each)], last, strict=True)):
            kept.append(each)
    return kept


def _positions(networks: Mapping[str, Channels], nodes: Mapping[str, str]) -> list[int]:
    return [_position(network, nodes[task]) for task, network in networks.items()]


def _position(network: Channels, node: str) -> int:
    return _position_and_source(network, node)[0]


def _position_and_source(network: Channels, node: str) -> tuple[int, str]:
    return next(
        (index, each.inputs[0])
        for index, each in enumerate(network.graph.nodes)
        if each.name == node
    )

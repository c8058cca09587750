from pathlib import Path

import pytest

from taskzip.device.virtual.debian import (
    MIRROR_VARIABLE,
    Package,
    choose_mirror,
    find_mirror,
    package_of,
)

MAIN = "http://mirror.example/debian/\tbookworm\tmain\tDebian"
SECURITY = "http://mirror.example/debian-security/\tbookworm-security\tmain\tDebian"
FOREIGN = "http://vendor.example/\tbookworm\tmain\tVendor"
NO_LISTS_YET = "http://mirror.example/debian/\tbookworm\tmain\t$(ORIGIN)"
FOREIGN_NO_LISTS_YET = "http://vendor.example/apt/\tbookworm\tmain\t$(ORIGIN)"


@pytest.mark.parametrize(
    ("targets", "mirror"),
    [
        ([SECURITY, FOREIGN, MAIN], "http://mirror.example/debian/"),
        ([FOREIGN_NO_LISTS_YET, NO_LISTS_YET], "http://mirror.example/debian/"),
        (
            ["mirror+file:/etc/apt/mirrors/debian.list\tbookworm\tmain\t$(ORIGIN)"],
            "mirror+file:/etc/apt/mirrors/debian.list",
        ),
        ([SECURITY, FOREIGN], None),
        ([], None),
    ],
)
def test_the_mirror_is_the_computers_own_debian_mirror(
    targets: list[str], mirror: str | None
) -> None:
    assert choose_mirror(targets) == mirror


def test_the_mirror_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "file:/my/mirror")
    assert find_mirror() == "file:/my/mirror"


def test_a_package_is_named_by_its_file() -> None:
    file = Path("libcap2_1%3a2.75-10+b3_arm64.deb")
    assert package_of(file) == Package("libcap2", "1:2.75-10+b3", file)

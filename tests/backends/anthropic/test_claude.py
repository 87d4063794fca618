"""A model's manners, told from its name, whoever serves it."""

import pytest

from backends.providers.anthropic.claude import claude


@pytest.mark.parametrize(
    ("name", "family", "version"),
    [
        ("claude-3-7-sonnet-20250219", "sonnet", (3, 7)),
        ("claude-3-opus-20240229", "opus", (3, 0)),
        ("claude-sonnet-4-20250514", "sonnet", (4, 0)),
        ("claude-sonnet-4-0", "sonnet", (4, 0)),
        ("claude-opus-4-1@20250805", "opus", (4, 1)),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "sonnet", (4, 5)),
        ("anthropic.claude-opus-4-6-v1", "opus", (4, 6)),
        ("anthropic/claude-haiku-4.5", "haiku", (4, 5)),
        ("claude-opus-5", "opus", (5, 0)),
        ("claude-fable-5-1", "fable", (5, 1)),
        ("claude-2.1", "", (2, 1)),
    ],
)
def test_family_and_version(name: str, family: str, version: tuple[int, int]) -> None:
    card = claude(name)
    assert (card.family, card.version, card.named) == (family, version, True)


def test_a_name_without_a_version_is_taken_for_a_current_model() -> None:
    for name in ("our-deployment", "claude-mythos-preview", "claude-sonnet-latest"):
        card = claude(name)
        assert not card.named
        assert card.adaptive
        assert not card.takes_sampling

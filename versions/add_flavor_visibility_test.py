import sqlalchemy as sa

from migrator.testing import check_transition, walk_to
from versions.add_flavor_visibility import flavor_visibility

WORDS = {
    (True, True): "disabled",
    (True, False): "disabled",
    (True, None): "disabled",
    (False, True): "public",
    (False, False): "private",
    (False, None): "public",
    (None, True): "public",
    (None, False): "private",
    (None, None): None,
}


def test_two_flags_become_a_word(engine: sa.Engine) -> None:
    walk_to(engine, "add_flavor_visibility")

    check_transition(
        engine,
        flavor_visibility,
        [
            (
                {"disabled": disabled, "is_public": is_public},
                {"disabled": None, "is_public": None, "visibility": word},
            )
            for (disabled, is_public), word in WORDS.items()
        ],
    )

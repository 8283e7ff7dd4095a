import sqlalchemy as sa

from migrator.testing import check_transition, walk_to
from versions.add_service_queue import service_queue


def test_a_topic_becomes_a_queue(engine: sa.Engine) -> None:
    walk_to(engine, "add_service_queue")

    check_transition(
        engine,
        service_queue,
        [
            ({"topic": topic}, {"queue": topic, "queue_counts": 1})
            for topic in ("compute", "", "0", "Планировщик 🚀", "x" * 255)
        ],
    )


def test_a_queue_that_counts_is_left_alone(engine: sa.Engine) -> None:
    walk_to(engine, "add_service_queue")

    moved = {"topic": "old", "queue": "", "queue_counts": 1}
    pending = ({"topic": "new"}, {"queue": "new", "queue_counts": 1})
    check_transition(engine, service_queue, [(moved, moved), pending])

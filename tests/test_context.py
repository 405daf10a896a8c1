"""Which call is under way: seen by tasks and threads that begin within it, and by nothing else."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

from starlette.concurrency import run_in_threadpool

from integration_logger.capture import Capture
from integration_logger.context import current
from integration_logger.testing import recording
from tests.adapters.server import Server, answer


def test_there_is_no_call_by_default() -> None:
    """Outside of a call, and in a new thread, there is none."""
    seen: list[Capture | None] = [current.get()]
    thread = threading.Thread(target=lambda: seen.append(current.get()))
    thread.start()
    thread.join()
    assert seen == [None, None]


def test_tasks_and_worker_threads_see_their_own_call() -> None:
    """What a call starts can label it, while another call is under way beside it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def task() -> None:
            await asyncio.sleep(0)
            log.current().label(task=scope["path"])

        await asyncio.create_task(task())
        await run_in_threadpool(lambda: log.current().label(thread=scope["path"]))
        await answer()(scope, receive, send)

    async def together() -> None:
        wrapped = log.asgi(app)
        await asyncio.gather(*(Server(target=f"/{number}").serve(wrapped) for number in range(10)))
        assert current.get() is None

    with recording() as log:
        asyncio.run(together())
        assert sorted(str(entry.labels["task"]) for entry in log.entries) == [f"/{number}" for number in range(10)]
        for entry in log.entries:
            assert entry.url is not None
            assert entry.url.endswith(f"com{entry.labels['task']}")
            assert entry.labels["task"] == entry.labels["thread"]


def test_what_runs_on_after_the_call_changes_nothing() -> None:
    """A task that outlives its call still finds it, and what it says then is too late."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def outlives() -> None:
            await over.wait()
            log.current().label(late="yes")
            log.current().error("late")
            log.current().discard()

        tasks.append(asyncio.create_task(outlives()))
        await answer()(scope, receive, send)

    async def main() -> None:
        await Server().serve(log.asgi(app))
        over.set()
        await tasks[0]

    over, tasks = asyncio.Event(), []
    with recording() as log:
        asyncio.run(main())
        (entry,) = log.entries
        assert (entry.labels, entry.errors, entry.status) == ({}, (), "completed")


def test_a_context_of_the_host_is_left_alone() -> None:
    """A context in which no call began knows of none."""
    context = contextvars.copy_context()
    with recording() as log:
        Server().run(log.asgi(answer()))
    assert context.run(current.get) is None

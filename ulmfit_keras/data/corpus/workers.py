"""Processes that share work out, light enough to have many of them.

Importing this package loads Keras and its backend, seconds and hundreds of
MB that a process which only cuts text into words would waste. So the workers
are not started with `multiprocessing`, whose workers import the package:
they run this file as a program, which imports the few modules it needs
without their packages. They end by themselves when the process that started
them is gone.
"""

import contextlib
import importlib
import json
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
import types

_PACKAGE = pathlib.Path(__file__).parents[2]
_SECONDS_BETWEEN_REPORTS = 0.5


class WorkerPool:
    """Processes that call functions of this package; a context manager.

    Args:
        processes: how many. With 1 all work is done in this process.
    """

    def __init__(self, processes):
        self._workers, self._threads = [], []
        if processes > 1:
            self._workers = [_start_worker() for _ in range(processes)]

    def run(self, function, tasks, report=None):
        """Call a function once for each task.

        Args:
            function: a function of a module that imports without Keras. It
                takes keyword arguments and gives a result that are JSON,
                and takes `report`, which it may call with a number.
            tasks: list of dicts, keyword arguments.
            report: called with (number of the task, number) when a function
                reports.

        Yields:
            (number of the task, its result), as they are finished.

        Raises:
            Exception: what a function raised.
            RuntimeError: if a process died.
        """
        report = report or (lambda number, value: None)
        if not self._workers:
            for number, task in enumerate(tasks):
                yield (
                    number,
                    function(**task, report=lambda n, i=number: report(i, n)),
                )
            return
        todo = iter(list(enumerate(tasks)))
        events = queue.SimpleQueue()
        self._threads = [
            threading.Thread(
                target=_serve, args=(worker, function, todo, events)
            )
            for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            kind, number, value = events.get()
            if kind == "report":
                report(number, value)
            elif kind == "result":
                yield number, value
            elif kind == "error":
                raise value
            else:
                working -= 1

    def close(self):
        """End the processes, at once."""
        for worker in self._workers:
            worker.kill()
            worker.wait()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.stdout.close()
            with contextlib.suppress(OSError):  # of what it did not read
                worker.stdin.close()
        self._workers, self._threads = [], []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _start_worker():
    # -P: the modules beside this file are no top-level modules.
    return subprocess.Popen(
        [sys.executable, "-P", __file__, str(_PACKAGE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def _serve(worker, function, todo, events):
    """Hand tasks to a worker process until there are no more."""
    name = [function.__module__, function.__name__]
    try:
        for number, task in todo:
            json.dump([*name, task], worker.stdin)
            worker.stdin.write("\n")
            worker.stdin.flush()
            for line in worker.stdout:
                kind, value = json.loads(line)
                if kind == "error":
                    value = _error(*value)
                events.put((kind, number, value))
                if kind == "error":
                    return
                if kind == "result":
                    break
            else:
                raise BrokenPipeError("its answer ended")
    except (OSError, ValueError) as error:
        events.put(
            (
                "error",
                None,
                RuntimeError(
                    "A worker process died, perhaps for lack of memory. "
                    "What is finished is kept: run this again, perhaps with "
                    f"fewer processes. Received: exit code {worker.poll()}, "
                    f"{error!r}"
                ),
            )
        )
    finally:
        events.put(("end", None, None))


def _error(module, name, message):
    """An exception of a worker; its class must take one message."""
    try:
        return getattr(importlib.import_module(module), name)(message)
    except (AttributeError, TypeError):
        return RuntimeError(f"{name}: {message}")


def _import_bare(folder):
    """Make the package's modules importable without its `__init__` files."""
    for path in (
        folder,
        folder / "data",
        folder / "data" / "corpus",
        folder / "text",
    ):
        name = ".".join(path.relative_to(folder.parent).parts)
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package


def _work(source, sink):
    """Call what the lines of `source` name, and answer with lines."""

    def answer(kind, value):
        sink.write(json.dumps([kind, value]) + "\n")
        sink.flush()

    for line in source:
        module, name, task = json.loads(line)
        unsaid, last = 0, time.monotonic()

        def report(value):
            nonlocal unsaid, last
            unsaid += value
            if time.monotonic() - last > _SECONDS_BETWEEN_REPORTS:
                answer("report", unsaid)
                unsaid, last = 0, time.monotonic()

        try:
            function = getattr(importlib.import_module(module), name)
            result = function(**task, report=report)
        except Exception as error:
            kind = type(error)
            answer("error", [kind.__module__, kind.__qualname__, str(error)])
        else:
            answer("report", unsaid)
            answer("result", result)


if __name__ == "__main__":
    # Ctrl-C is for the process that started this one, which ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import_bare(pathlib.Path(sys.argv[1]))
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no answer
    try:
        _work(sys.stdin, answers)
    except BrokenPipeError:
        pass

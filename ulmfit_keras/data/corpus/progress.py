"""Tasks done by processes, under a progress bar."""

import operator
import sys


class WatchedPool:
    """Runs tasks in a `WorkerPool` and shows how far they are.

    Args:
        pool: the `WorkerPool`.
        verbose: whether to print.
    """

    def __init__(self, pool, verbose):
        self._pool = pool
        self._verbose = verbose

    def stream(self, title, function, tasks, weights, unit=None, scale=1):
        """Do tasks.

        Args:
            title: what is done.
            function: called with each task; see `WorkerPool.run`.
            tasks: list of dicts, keyword arguments.
            weights: for each task, the sum of what the function reports.
            unit: name of the unit that the bar counts. Defaults to "step".
            scale: how much a unit weighs. Defaults to 1.

        Yields:
            (number of the task, its result), as they are finished.
        """
        done, total = [0] * len(tasks), max(1, int(sum(weights) / scale))
        show = self._start_bar(title, total, unit or "step")

        def report(number, value):
            done[number] = min(done[number] + value, weights[number])
            show(min(int(sum(done) / scale), total - 1))

        for number, result in self._pool.run(function, tasks, report):
            report(number, weights[number])
            yield number, result
        show(total)

    def results(self, *args, **kwargs):
        """As `stream`, but a list of the results in the order of the tasks."""
        found = sorted(self.stream(*args, **kwargs), key=operator.itemgetter(0))
        return [result for _, result in found]

    def _start_bar(self, title, total, unit):
        if not self._verbose:
            return lambda value: None
        import keras  # here, because worker processes do without

        print(title, flush=True)
        return keras.utils.Progbar(
            total,
            unit_name=unit,
            # A log file would get a line each time.
            interval=0.2 if sys.stdout.isatty() else 30,
        ).update

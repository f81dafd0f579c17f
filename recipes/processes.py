"""Child processes: run, measured and compared.

Only Python's standard library is imported, so that a process of another
environment can import it, too.
"""

import json
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys
import time

_KIB_PER_MIB = 2**10
_LAST_CHARACTERS = 4000  # that are told of stderr


def run(command, environment=None, timeout=None):
    """Run a program and read what it found.

    Args:
        command: list of str.
        environment: dict, its environment variables. Defaults to those of
            this process.
        timeout: seconds after which it is ended. Defaults to None, never.

    Returns:
        The JSON object that is the last line of its stdout.

    Raises:
        RuntimeError: if it fails or prints no such line, with the end of
            what it wrote to stderr.
        OSError: if there is no such program.
        subprocess.TimeoutExpired: if it is not through in time.
    """
    return _found(_completed(command, environment, timeout))


def run_or_exit(command, environment=None):
    """As `run`, but where the program fails, this one ends with its message.

    For a recipe that starts others: what they say of a user's error says it
    all, and a traceback of this one would hide it.

    Args:
        command: see `run`.
        environment: see `run`.

    Raises:
        RuntimeError: if it prints no line of JSON, though it did not fail.
        OSError: if there is no such program.
    """
    result = _completed(command, environment)
    if result.returncode:
        sys.exit(
            f"\n{shlex.join(command)}\nended with code {result.returncode} "
            f"and wrote\n\n{result.stderr[-_LAST_CHARACTERS:].strip()}"
        )
    return _found(result)


def _completed(command, environment, timeout=None):
    """The result of a program, of whatever code."""
    return subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def _found(result):
    """The JSON object that a program printed last."""
    try:
        if result.returncode == 0:
            return json.loads(result.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        pass
    raise RuntimeError(
        "The program must end with code 0 and a line of JSON. "
        f"It wrote\n{result.stderr[-_LAST_CHARACTERS:]}\nReceived: code "
        f"{result.returncode} and the line {result.stdout[-200:]!r} of "
        f"{result.args}"
    )


def kept(path, function):
    """What a run found: by its file of JSON, or by running it.

    Args:
        path: `pathlib.Path`, the file; it is written if it is not there.
        function: called without arguments if it is not; returns what is kept.
    """
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    found = function()
    print(f"{path.stem}: {json.dumps(found)}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(found), encoding="utf-8")
    unfinished.replace(path)
    return found


def take_turns(programs, rounds, environment=None):
    """Run programs one after the other, round by round.

    What else a machine does comes and goes; so all of them meet it.

    Args:
        programs: dict from names to commands.
        rounds: how often each is run.
        environment: see `run`.

    Returns:
        A dict from names to lists of what `run` returned.
    """
    results = {name: [] for name in programs}
    for number in range(1, rounds + 1):
        for name, command in programs.items():
            results[name].append(run(command, environment))
            found = json.dumps(results[name][-1])
            print(f"  round {number}, {name}: {found}", flush=True)
    return results


def compare(results):
    """The medians of two programs and their ratios.

    Args:
        results: dict from two names to lists of dicts, as `take_turns`
            returns it. Values that are no numbers are left out.

    Returns:
        A dict with the medians of each program by its name, and in "ratio"
        the first one's medians over the second one's, of what both measure.
    """
    medians = {
        name: {
            key: _rounded(statistics.median(run[key] for run in runs))
            for key, value in runs[0].items()
            if isinstance(value, (int, float))
        }
        for name, runs in results.items()
    }
    first, second = medians.values()
    ratio = {
        key: _rounded(value / second[key])
        for key, value in first.items()
        if key in second
    }
    return {**medians, "ratio": ratio}


def seconds(function, repeats, warm_up=2):
    """Seconds that each call of a function took, after a few untimed ones."""
    for _ in range(warm_up):
        function()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return times


def resident_memory_mib():
    """The resident memory of this process now, in MiB.

    Where the system does not tell, the largest one so far.
    """
    return _status("VmRSS") or peak_memory_mib()


def peak_memory_mib():
    """The largest resident memory of this process so far, in MiB."""
    # On Linux `ru_maxrss` is at least that of the process that started this
    # one.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB
    if sys.platform == "darwin":
        peak /= 2**10
    return _status("VmHWM") or round(peak, 1)


def _status(name):
    """A figure that Linux keeps about this process, in MiB, or None."""
    try:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return round(int(found[0]) / _KIB_PER_MIB, 1) if found else None


def _rounded(value):
    return float(f"{value:.6g}")

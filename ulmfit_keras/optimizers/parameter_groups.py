"""Which variable belongs to which group of layers."""

import math
import re


class ParameterGroups:
    """Named groups of variables, each with a learning rate multiplier.

    Args:
        groups: list of (name, pattern) or (name, [patterns]) from the lowest
            group to the highest. Patterns are regular expressions searched in
            `variable.path`. Paths depend on how a model was made (`dense/
            kernel` or `sequential/dense/kernel`), so write `(^|/)dense/`.
        factor: how many times smaller the multiplier of a group is than that
            of the group above it; the highest has 1.
        multipliers: list of one multiplier per group instead of `factor`.

    Raises:
        ValueError: if the groups or the multipliers are not well-formed.
    """

    def __init__(self, groups, factor=2.6, multipliers=None):
        self.names = [name for name, _ in groups]
        self.patterns = [
            [pattern] if isinstance(pattern, str) else list(pattern)
            for _, pattern in groups
        ]
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(
                "At least one group is needed and group names must differ. "
                f"Received: names={self.names}"
            )
        if multipliers is None:
            if not factor > 0:
                raise ValueError(
                    f"`factor` must be above 0. Received: factor={factor}"
                )
            highest = len(self.names) - 1
            multipliers = [factor ** (i - highest) for i in range(highest + 1)]
        self.multipliers = [float(m) for m in multipliers]
        if len(self.multipliers) != len(self.names):
            raise ValueError(
                f"One multiplier for each of the {len(self.names)} groups is "
                f"needed. Received: multipliers={self.multipliers}"
            )
        if not all(m > 0 and math.isfinite(m) for m in self.multipliers):
            raise ValueError(
                "Multipliers must be finite and above 0; freeze a group to "
                f"stop it. Received: multipliers={self.multipliers}"
            )

    def __len__(self):
        return len(self.names)

    def index_of(self, path):
        """Index of the group that a variable's path falls into, or None.

        Raises:
            ValueError: if several groups claim the path.
        """
        hits = [
            i
            for i, patterns in enumerate(self.patterns)
            if any(re.search(pattern, path) for pattern in patterns)
        ]
        if len(hits) > 1:
            raise ValueError(
                "A variable may belong to one group only. "
                f"Received: {path} in {[self.names[i] for i in hits]}"
            )
        return hits[0] if hits else None

    def assign(self, variables):
        """List of the group index of each variable.

        Raises:
            ValueError: if a variable is in no group or in several, or a group
                has no variable. The message shows the table and all paths.
        """
        indices = [self.index_of(variable.path) for variable in variables]
        lost = [v.path for v, i in zip(variables, indices) if i is None]
        empty = [name for i, name in enumerate(self.names) if i not in indices]
        if lost or empty:
            members = "\n".join(
                f"  {variable.path} -> "
                f"{'no group' if i is None else self.names[i]}"
                for variable, i in zip(variables, indices)
            )
            patterns = "\n".join(
                f"  {name}: {', '.join(patterns)}"
                for name, patterns in zip(self.names, self.patterns)
            )
            raise ValueError(
                "Every trainable variable must fall into one group, and every "
                f"group must hold a variable.\nGroups:\n{patterns}\n"
                f"Variables:\n{members}\n"
                f"Received: variables in no group {lost}, "
                f"groups without variables {empty}"
            )
        return indices

    def table(self, variables, frozen):
        """The groups as text: name, multiplier, parameters, frozen or not.

        Args:
            variables: the variables, or None before they are known.
            frozen: indices of frozen groups.
        """
        counts = ["?"] * len(self)
        if variables is not None:
            sizes = [0] * len(self)
            for variable, i in zip(variables, self.assign(variables)):
                sizes[i] += math.prod(variable.shape)
            counts = [f"{size:,}" for size in sizes]
        rows = [("group", "multiplier", "parameters", "frozen")]
        rows += [
            (name, f"{multiplier:.6g}", count, "yes" if i in frozen else "no")
            for i, (name, multiplier, count) in enumerate(
                zip(self.names, self.multipliers, counts)
            )
        ]
        widths = [max(len(cell) for cell in column) for column in zip(*rows)]
        return "\n".join(
            f"{row[0]:<{widths[0]}}"
            + "".join(
                f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:])
            )
            for row in rows
        )

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
        if not isinstance(groups, (list, tuple)) or not all(
            map(_is_group, groups)
        ):
            raise ValueError(
                "`groups` must be a list of (name, pattern) or (name, "
                "[patterns]), all of them text, from the lowest group to the "
                "highest; `layer_groups(model)` makes one. "
                f"Received: groups={groups!r}"
            )
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
        paths = [variable.path for variable in variables]
        indices = [self.index_of(path) for path in paths]
        group_of = dict(zip(paths, indices, strict=True))
        lost = [path for path, i in group_of.items() if i is None]
        empty = [name for i, name in enumerate(self.names) if i not in indices]
        if lost or empty:
            patterns = "\n".join(
                f"  {name}: {', '.join(self.patterns[i])}"
                for i, name in enumerate(self.names)
            )
            members = "\n".join(
                f"  {path} -> {'no group' if i is None else self.names[i]}"
                for path, i in group_of.items()
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
            for i, variable in zip(
                self.assign(variables), variables, strict=True
            ):
                sizes[i] += math.prod(variable.shape)
            counts = [f"{size:,}" for size in sizes]
        rows = [("group", "multiplier", "parameters", "frozen")]
        for i, name in enumerate(self.names):
            state = "yes" if i in frozen else "no"
            rows.append((name, f"{self.multipliers[i]:.6g}", counts[i], state))
        width = max(len(name) for name in ["group", *self.names])
        return "\n".join(
            f"{name:<{width}}  {multiplier:>10}  {count:>12}  {state:>6}"
            for name, multiplier, count, state in rows
        )


def _is_group(group):
    """Whether this is a name and a pattern or several."""
    if not isinstance(group, (list, tuple)) or len(group) != 2:
        return False
    name, patterns = group
    if isinstance(patterns, str):
        patterns = [patterns]
    return isinstance(patterns, (list, tuple)) and all(
        isinstance(text, str) for text in (name, *patterns)
    )

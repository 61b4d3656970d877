"""A Bayesian fit in plain words."""

from pathlib import Path
from typing import Any

MOST_ROWS = 20
_COLUMNS = ("mean", "sd", "q05", "q50", "q95", "mcse")


def fitted(record: dict[str, Any], out: Path, page: Path) -> str:
    """The verdict, the evidence, the parameters, and where to look."""
    k = "infinite" if record["pareto_k"] is None else f"{record['pareto_k']:.2f}"
    evidence = record["log_evidence"]
    rows = list(record["parameters"].items())
    width = max([9, *(len(name) for name, _ in rows[:MOST_ROWS])])
    lines = [
        _capital(record["verdict"]),
        f"log p(data) {_with_error(evidence)} nats, ELBO {_with_error(record['elbo'])}, Pareto k {k}; "
        f"{record['engine']} ({record['family']}), {record['num_evaluations']:,} gradients, {record['seconds']:.1f} s.",
        f"{'parameter':<{width}} " + " ".join(f"{name:>10}" for name in _COLUMNS),
        *(
            f"{name:<{width}} " + " ".join(f"{_number(row[c]):>10}" for c in _COLUMNS)
            for name, row in rows[:MOST_ROWS]
        ),
    ]
    if len(rows) > MOST_ROWS:
        lines.append(f"and {len(rows) - MOST_ROWS:,} more in {out / 'evaluation.json'}")
    lines.append(f"Run: {out}; open {page}, or take the draws by `latlas.bayes.load({str(out)!r})`.")
    return "\n".join(lines)


def _capital(verdict: str) -> str:
    return verdict[:1].upper() + verdict[1:]


def _with_error(estimate: dict[str, Any]) -> str:
    error = estimate["standard_error"]
    exact = error is None or error < 1e-6  # rounding, where the family contains the posterior
    return _number(estimate["value"]) if exact else f"{_number(estimate['value'])} ± {error:.2g}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value + 0.0:.4g}"

"""The tables of the reference posteriors: one per posterior, the scoreboard, and a page's summary."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks._posteriordb import means_right, right, scoreboard, trusted, wrong
from benchmarks._results import show

PER_TABLE = 4  # posteriors


def line(record: dict[str, Any]) -> str:
    """One process in a line, for the terminal while the others run."""
    head = f"{record['posterior']} {record['contender']} {record['seed']}:"
    if "failed" in record:
        return f"{head} {record['failed']}"
    of = "/".join(record[key] for key in ("engine", "family") if key in record)
    figures = f"rms {record['mean_rms']:.3f} sd {_sds([record])} {record['seconds_cold']:.1f} s"
    return f"{head} {figures} {record.get('verdict', '')} {of}".rstrip()


def print_posterior(records: Sequence[dict[str, Any]]) -> None:
    """One posterior, a row per contender: the worst of the seeds' errors, the medians of all else.

    Errors of the means are rms and largest, W1 mean and largest. `load` is how many cores other programs used in the
    cold run: seconds beside a busy neighbour say little.
    """
    rows = []
    for name in dict.fromkeys(record["contender"] for record in records):
        mine = [record for record in records if record["contender"] == name]
        done = [record for record in mine if "failed" not in record]
        if len(done) < len(mine):
            failures = [record["failed"] for record in mine if "failed" in record]
            rows.append([name, "-", "-", "-", "-", "-", "-", "-", f"{len(failures)} failed", ""])
        if done:
            rows.append([name, *_row(done)])
    title = f"{records[0]['posterior']}: errors in posterior sds (rms and largest, mean and largest), seconds"
    columns = "contender|mean error|sd ratios|W1|grads|cold|warm|load|verdict|k".split("|")
    show(title, columns, rows)


def _row(done: Sequence[dict[str, Any]]) -> list[str]:
    worst = {key: max(record[key] for record in done)
             for key in ("mean_rms", "mean_max", "distance_mean", "distance_max")}  # fmt: skip
    middle = {key: statistics.median(record.get(key, math.nan) for record in done)
              for key in ("gradients", "seconds_cold", "seconds_warm", "background_cold", "pareto_k")}  # fmt: skip
    verdicts = dict.fromkeys(record.get("verdict", "") for record in done)
    return [
        f"{worst['mean_rms']:.2f} {worst['mean_max']:.2f}",
        _sds(done),
        f"{worst['distance_mean']:.2f} {worst['distance_max']:.2f}",
        "" if math.isnan(middle["gradients"]) else f"{middle['gradients']:.0f}",
        f"{middle['seconds_cold']:.1f}",
        f"{middle['seconds_warm']:.2f}",
        "" if math.isnan(middle["background_cold"]) else f"{middle['background_cold']:.1f}",
        ", ".join(verdicts),
        "" if math.isnan(middle["pareto_k"]) else f"{middle['pareto_k']:.2f}",
    ]


def _sds(records: Sequence[dict[str, Any]]) -> str:
    least, most = min(record["sd_least"] for record in records), max(record["sd_most"] for record in records)
    return f"{least:.2f}-{most:.2f}"


def print_scoreboard(name: str, records: Sequence[dict[str, Any]]) -> bool:
    """The figures to reach, measured over the runs of one contender; whether all are reached."""
    board = scoreboard(records)
    words = {True: "reached", False: "not reached"}
    rows = [[row["figure"], row["value"], row["goal"], words[row["reached"]]] for row in board]
    show(f"{name}: the figures to reach", ["figure", "measured", "goal", "verdict"], rows)
    return all(row["reached"] for row in board)


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """A page's tables: a row per contender, four posteriors at a time, and the counts of all of them."""
    posteriors = list(dict.fromkeys(record["posterior"] for record in records))
    names = list(dict.fromkeys(record["contender"] for record in records))
    parts = [posteriors[i : i + PER_TABLE] for i in range(0, len(posteriors), PER_TABLE)]
    tables = []
    for part in parts:
        cells = {name: [_cell(_of(records, name, posterior)) for posterior in part] for name in names}
        tables.append(_table(["", *part], [[name, *cells[name]] for name in names]))
    columns = ["", "means within 0.1 sd", "trusted", "of them right", "wrong", "cold, warm seconds, medians"]
    return "\n\n".join([*tables, _table(columns, [_counts(name, _of(records, name)) for name in names])])


def _of(
    records: Sequence[dict[str, Any]], contender: str, posterior: str | None = None
) -> list[dict[str, Any]]:
    mine = [record for record in records if record["contender"] == contender]
    return [record for record in mine if posterior in (None, record["posterior"])]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _counts(name: str, records: Sequence[dict[str, Any]]) -> list[str]:
    done = [record for record in records if "failed" not in record]
    count = [sum(judge(record) for record in done) for judge in (means_right, trusted, right, wrong)]
    cold, warm = (
        statistics.median(record[f"seconds_{kind}"] for record in done) for kind in ("cold", "warm")
    )
    verdicts = (
        [str(number) for number in count[1:]] if any("verdict" in record for record in done) else [""] * 3
    )
    return [name, f"{count[0]} of {len(records)}", *verdicts, f"{cold:.1f}, {warm:.2f}"]


def _cell(records: Sequence[dict[str, Any]]) -> str:
    done = [record for record in records if "failed" not in record]
    failed = [f"{len(records) - len(done)} failed"] if len(done) < len(records) else []
    if not done:
        return "".join(failed)
    worst = max(record["mean_rms"] for record in done)
    cold, warm = (
        statistics.median(record[f"seconds_{kind}"] for record in done) for kind in ("cold", "warm")
    )
    verdicts = [", ".join(dict.fromkeys(record["verdict"] for record in done if "verdict" in record))]
    return "; ".join(
        filter(None, [f"{worst:.2f}", _sds(done), f"{cold:.1f}, {warm:.2f} s", *verdicts, *failed])
    )

"""The folded end of the page: everything in numbers."""

from collections.abc import Mapping
from typing import Any

from latlas.report.data._curve import beta_name, read_curve
from latlas.report.data._data import ReportData
from latlas.report.drawing._text import decimal, with_error
from latlas.report.page._html import facts_table, text


def details(data: ReportData) -> str:
    """What was asked for, what was measured and with which versions, folded away."""
    about = {
        "run": None if data.run.path == "RUN" else data.run.path,
        "likelihood": data.run.likelihood,
        "seed": data.run.seed,
    }
    about |= {"item shape": " × ".join(map(str, data.items.shape)), "data fingerprint": data.run.fingerprint}
    tables = [
        facts_table("Run", {name: value for name, value in about.items() if value is not None}),
        facts_table("Options", data.run.options),
        facts_table("Evaluation (nats per example)", _flat(data.measures.evaluation or {})),
        facts_table("Versions", data.run.versions),
        _curve_table(data),
    ]
    head = "<details><summary>Options, versions, seed</summary>"
    return f'{head}<div class="tables">{"".join(tables)}</div></details>'


def _curve_table(data: ReportData) -> str:
    """The numbers behind the rate-distortion curve."""
    curve = read_curve(data)
    if curve is None:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("β", "rate", "distortion", "in use"))
    in_use = ["" for _ in curve.betas]
    if curve.kl is not None:
        in_use = [str(count) for count in (curve.kl > data.latent.active_threshold).sum(axis=1)]
    points = zip(
        curve.betas,
        curve.rate,
        curve.rate_error,
        curve.distortion,
        curve.distortion_error,
        in_use,
        strict=True,
    )
    body = "".join(
        f'<tr><th scope="row">{text(beta_name(beta))}</th><td>{text(with_error(rate, rate_error))}</td>'
        f"<td>{text(with_error(distortion, distortion_error))}</td><td>{count}</td></tr>"
        for beta, rate, rate_error, distortion, distortion_error, count in points
    )
    return (
        '<table class="numbers"><caption>Rate and distortion (nats per example)</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested entries in one table, the outer name first; lists have a place of their own or none."""
    rows = {}
    for name, value in values.items():
        if isinstance(value, list | tuple) or name == "diagnosis":
            continue
        place = f"{before}{name}".replace("_", " ")
        if isinstance(value, Mapping) and {"value", "standard_error"} <= set(value):
            rows[place] = with_error(decimal(value["value"]), decimal(value["standard_error"]))
            value = {key: entry for key, entry in value.items() if key not in ("value", "standard_error")}
        if isinstance(value, Mapping):
            rows |= _flat(value, f"{before}{name}, ")
        else:
            rows[place] = value
    return rows

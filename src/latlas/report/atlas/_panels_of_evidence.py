"""The figures of an evaluation: where log p(x) lies, where the nats go."""

from latlas.report.atlas._words import ALL, among
from latlas.report.data._data import ReportData
from latlas.report.data._evaluation import Measured, bracket, gap
from latlas.report.drawing._text import number, with_error
from latlas.report.figures._bracket import bracket_figure, bracket_rows
from latlas.report.figures._evidence import evidence_figure, evidence_rows
from latlas.report.figures._gap import gap_figure
from latlas.report.figures._intervals import in_words
from latlas.report.page._panel import Panel


def _has_bracket(data: ReportData) -> bool:
    return bracket(data) is not None


def _evidence_caption(data: ReportData) -> str:
    return (
        "log p(x) estimates what the model really gives held-out data, the ELBO is the floor that training "
        "raises; the thick "
        "line is one standard error, the thin line two."
    )


def _evidence_alt(data: ReportData) -> str:
    return "; ".join(in_words(evidence_rows(data))) + "."


def _bracket_caption(data: ReportData) -> str:
    found = bracket(data)
    if found is None:
        return ""
    hollow = "" if found.upper_is_bound else ", which is hollow because on real data it is no bound"
    exact = "" if found.exact is None else " The dotted line is the exact value."
    return (
        f"What the model really gives {among(data, found.num_examples)}, log p(x), lies in the shaded "
        f"range: between the lower side and the upper one{hollow}. The ELBO is the floor that training raises. "
        f"Thick lines are one standard error, thin lines two.{exact}"
    )


def _bracket_alt(data: ReportData) -> str:
    found = bracket(data)
    rows = in_words(bracket_rows(data))
    if found is not None and found.exact is not None:
        rows.append(f"exact {number(found.exact.value, 5)} nats")
    return "; ".join(rows) + "."


def _gap_caption(data: ReportData) -> str:
    found = gap(data)
    if found is None:
        return ""
    text = (
        f"What the ELBO{_at(found.elbo)} lacks of log p(x){_at(found.log_evidence)}. Hatched: lost because the "
        "cloud of places that the map gives an example is too simple in shape"
        f"{_at(found.refined_elbo, 'the best such cloud reaches ')}. Plain: lost by the network that places the "
        "examples; a wider encoder, or `latlas encode --refine`, brings it back."
    )
    if found.converged < ALL:
        text += (
            " The search for the best clouds had not come to its end: the plain part is at least this much."
        )
    return text


def _at(figure: Measured | None, words: str = "") -> str:
    return "" if figure is None else f" ({words}{number(figure.value, 4)})"


def _gap_alt(data: ReportData) -> str:
    found = gap(data)
    if found is None:
        return ""
    parts = [
        ("gap", found.total),
        ("approximation", found.approximation),
        ("amortisation", found.amortization),
    ]
    parts += [("from ELBO", found.elbo), ("refined", found.refined_elbo), ("log p(x)", found.log_evidence)]
    return "; ".join(f"{name} {with_error(*part[:2])} nats" for name, part in parts if part is not None) + "."


EVIDENCE = Panel(
    "evidence", "How good, and how sure", lambda data: bool(evidence_rows(data)), evidence_figure,
    _evidence_caption, _evidence_alt,
    "It was not measured; run `latlas evaluate RUN DATA` with held-out examples.",
    needless=_has_bracket,
)  # fmt: skip
BRACKET = Panel(
    "bracket", "Where log p(x) lies", _has_bracket, bracket_figure, _bracket_caption, _bracket_alt,
    "It was not enclosed from both sides; run `latlas evaluate RUN DATA --bound bracket`.",
)  # fmt: skip
GAP = Panel(
    "gap", "Why the ELBO lies below", lambda data: gap(data) is not None, gap_figure, _gap_caption, _gap_alt,
    "The gap was not split; run `latlas evaluate RUN DATA --gap`.",
)  # fmt: skip
